// Where a reader is in a chapter: a thin line, the minutes that are left, and where they stopped.
// The place, and nothing else, is kept in the browser; without that store the rest works.
document.addEventListener("DOMContentLoaded", () => {
  const root = document.documentElement.dataset.content_root ?? "";
  // Other copies of the book may have the same origin: each keeps places of its own.
  const KEY = `book-places ${new URL(root || ".", location.href).pathname}`;
  const REST = 1500; // milliseconds in one section that make it the place where one reads
  const kept = () => {
    try {
      const found = JSON.parse(window.localStorage.getItem(KEY));
      return found?.pages ? found : { pages: {} };
    } catch {
      return { pages: {} };
    }
  };
  const keep = (change) => {
    const places = kept();
    change(places);
    try {
      window.localStorage.setItem(KEY, JSON.stringify(places));
    } catch {
      // The browser keeps nothing for us: there will be nothing to go on with.
    }
  };
  const heading = (section) => {
    const title = section.querySelector(":scope > :is(h1, h2, h3)").cloneNode(true);
    title.querySelectorAll(".headerlink, .section-number, script").forEach((part) => part.remove());
    return title.textContent.trim().replace(/\s+/g, " ");
  };
  const offer = (words, address, label) => {
    const line = document.createElement("p");
    const link = document.createElement("a");
    line.className = "book-continue d-print-none";
    link.href = address;
    link.textContent = label;
    line.append(words, link);
    document.querySelector("article.bd-article h1")?.after(line);
  };

  // Calls a function once for each picture that the browser draws while the page is scrolled.
  const follow = (show) => {
    let waiting = false;
    const soon = () => {
      if (waiting) return;
      waiting = true;
      window.requestAnimationFrame(() => {
        waiting = false;
        show();
      });
    };
    window.addEventListener("scroll", soon, { passive: true });
    window.addEventListener("resize", soon);
    show();
  };
  const atHand = (sections) => {
    const eye = window.innerHeight / 3;
    return sections.filter((section) => section.getBoundingClientRect().top <= eye).pop();
  };

  // The section at hand is marked in the contents, also after a jump.
  const entries = new Map();
  document.querySelectorAll(".bd-sidebar-secondary .page-toc a[href^='#']").forEach((link) => {
    const section = document.getElementById(decodeURIComponent(link.hash.slice(1)));
    if (section) entries.set(section, link);
  });
  if (entries.size) {
    follow(() => {
      const section = atHand([...entries.keys()]);
      entries.forEach((link, one) => link.classList.toggle("at-hand", one === section));
    });
  }

  // The sidebar keeps how far it was scrolled: the page at hand is to be seen in it all the same.
  window.addEventListener("load", () => {
    const bar = document.querySelector(".bd-sidebar-primary");
    const entry = bar?.querySelector("li.current.active > a");
    if (!entry) return;
    const [box, frame] = [entry.getBoundingClientRect(), bar.getBoundingClientRect()];
    const bottom = Math.min(frame.bottom, window.innerHeight);
    if (box.height && (box.top < frame.top || box.bottom > bottom)) {
      bar.scrollTop += box.top - (frame.top + bottom) / 2;
    }
  });

  const here = document.querySelector(".book-place")?.dataset.page;
  if (!here) {
    const { last, pages } = kept();
    if (last && pages[last]) {
      const { id, at, title } = pages[last];
      offer("Continue with ", `${root}${last}.html#${id}`, `${title}: ${at}`);
    }
    return;
  }
  const stated = [...document.querySelectorAll("article .budget p")]
    .map((line) => line.textContent.match(/^Reading\.\s+About (\d+) minutes/))
    .find(Boolean);
  if (!stated) return;

  const article = document.querySelector("article.bd-article");
  const sections = [...article.querySelectorAll(":scope > section > section[id]")];
  const exercises = sections.find((section) => section.id.startsWith("exercises"));
  const line = document.createElement("div");
  line.className = "book-progress";
  line.setAttribute("aria-hidden", "true");
  line.append(document.createElement("span"));
  document.querySelector(".bd-header-article").append(line);
  const left = document.createElement("p");
  left.className = "book-left";
  left.setAttribute("aria-hidden", "true");
  document.querySelector(".bd-sidebar-secondary .onthispage")?.after(left);

  const stored = kept().pages[here];
  if (stored && !window.location.hash && sections.some(({ id }) => id === stored.id)) {
    offer("Continue at ", `#${stored.id}`, stored.at);
  }

  const title = heading(article.querySelector(":scope > section"));
  let resting = null;
  let timer = 0;
  const rest = (section, finished) => {
    const state = finished ? "finished" : section;
    if (state === resting) return;
    resting = state;
    window.clearTimeout(timer);
    if (!state) return;
    timer = window.setTimeout(() => {
      keep((places) => {
        if (finished) {
          delete places.pages[here];
          if (places.last === here) delete places.last;
        } else {
          places.pages[here] = { title, id: section.id, at: heading(section) };
          places.last = here;
        }
      });
    }, REST);
  };

  // Exercises have minutes of their own, which those of the page do not contain.
  const read = (eye) => {
    const { top, height } = article.getBoundingClientRect();
    const skipped = exercises?.getBoundingClientRect() ?? { top: 0, height: 0 };
    const inside = Math.min(Math.max(eye - skipped.top, 0), skipped.height);
    const share = (eye - top - inside) / Math.max(height - skipped.height, 1);
    return Math.min(Math.max(share, 0), 1);
  };
  const show = () => {
    const most = document.documentElement.scrollHeight - window.innerHeight;
    const share = Math.min(Math.max(window.scrollY / Math.max(most, 1), 0), 1);
    line.style.setProperty("--read", share.toFixed(4));
    const minutes = Math.ceil(Number(stated[1]) * (1 - read(share * window.innerHeight)));
    left.textContent = minutes ? `About ${minutes} of ${stated[1]} minutes left` : "";
    rest(atHand(sections), window.scrollY >= most - 2 && most > 0);
  };
  follow(show);
});
