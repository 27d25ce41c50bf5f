// Puts pages of the site one after another into one document, for print. The command calls
// bookDocument.add for each page, then typeset, and number with the pages that links end on.
const bookDocument = (() => {
  const article = document.querySelector("article");
  const contents = document.querySelector(".pdf-contents ol");
  const GONE = "script, button, form:not(.quiz-question), input, .headerlink, .viewcode-link,"
    + " [data-interactive], .book-slice, .quiz-check, .quiz-said, nav";
  const REFERRING = ["for", "aria-labelledby", "aria-describedby", "aria-controls", "headers"];
  const made = (parent, tag, attributes, text = "") => {
    const element = document.createElement(tag);
    Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
    element.textContent = text;
    parent.append(element);
    return element;
  };
  const spoken = (heading) => heading.textContent.replace(/\s+/g, " ").trim();

  // Two pages may use one name, so each anchor is named after its page, too.
  const rename = (root, page) => {
    const own = new Map([...root.querySelectorAll("[id]")].map(e => [e.id, `${page}--${e.id}`]));
    const anchors = text => text.replace(/url\((["']?)#([^"')]+)\1\)/g,
      (whole, quote, id) => (own.has(id) ? `url(#${own.get(id)})` : whole));
    root.querySelectorAll("*").forEach((element) => {
      [...element.attributes].forEach((attribute) => {
        const {name, value} = attribute;
        if (name === "id") attribute.value = own.get(value);
        else if (REFERRING.includes(name)) {
          attribute.value = value.split(" ").map(id => own.get(id) ?? id).join(" ");
        } else if (value.includes("url(#")) attribute.value = anchors(value);
        else if (/(^|:)href$/.test(name) && value[0] === "#" && element.namespaceURI.endsWith("svg")) {
          attribute.value = `#${own.get(value.slice(1)) ?? value.slice(1)}`;
        }
      });
      if (element.localName === "style") element.textContent = anchors(element.textContent);
    });
  };

  // A link leads to a place in this document, else to the site on the web if that has an address,
  // and else it is text.
  const lead = (root, page, names) => {
    root.querySelectorAll("a[href]").forEach((link) => {
      const target = new URL(link.getAttribute("href"), page.address);
      if (!page.address.startsWith(target.protocol)) return;
      const name = names[target.href.split("#")[0]];
      const place = decodeURIComponent(target.hash.slice(1));
      if (name) link.setAttribute("href", place ? `#${name}--${place}` : `#${name}`);
      else if (page.canonical) {
        const path = link.getAttribute("href");
        link.setAttribute("href", new URL(path, page.canonical).href);
      } else link.replaceWith(...link.childNodes);
    });
    root.querySelectorAll("img[src]").forEach((image) => {
      image.setAttribute("src", new URL(image.getAttribute("src"), page.address).href);
      image.removeAttribute("loading");
    });
  };

  const fold = (root, open) => {
    root.querySelectorAll(".admonition.dropdown, .admonition.toggle").forEach((box) => {
      const folds = !open && box.matches(".solution, .hint");
      box.classList.toggle("toggle-hidden", folds);
    });
    root.querySelectorAll("details.quiz-answer").forEach((answer) => { answer.open = true; });
  };

  const list = (page, title, sections) => {
    const line = (text, place, kinds) => {
      const item = made(contents, "li", {class: kinds});
      made(item, "a", {href: `#${place}`}, text);
      made(item, "i", {});
      made(item, "span", {class: "pdf-number"}, "000");
    };
    const kind = page.companion ? "pdf-companion" : "pdf-chapter";
    line(title, page.name, kind);
    sections.forEach(section => line(spoken(section), section.parentElement.id, `${kind} pdf-section`));
  };

  // page: {name, address, html, part, companion, solutions, sections}; names: address to name.
  const add = (page, names) => {
    const source = new DOMParser().parseFromString(page.html, "text/html");
    const top = source.querySelector("article section");
    if (!top) return "";
    page.canonical = source.querySelector("link[rel='canonical']")?.getAttribute("href") ?? "";
    const sheet = made(article, "section", {class: "pdf-page", id: page.name, style: `page: ${page.name}`});
    if (page.part) {
      const opening = made(sheet, "div", {class: "pdf-opening"});
      made(opening, "h1", {"aria-level": "1"}, page.part);
      made(contents, "li", {class: "pdf-part"}, page.part);
    }
    top.querySelectorAll(GONE).forEach(element => element.remove());
    top.querySelectorAll("[hidden]").forEach(element => element.removeAttribute("hidden"));
    rename(top, page.name);
    lead(top, page, names);
    fold(top, page.solutions);
    top.id = `${page.name}--${top.id}`;
    sheet.append(top);
    const below = page.companion ? 2 : 1;
    top.querySelectorAll("h1, h2, h3, h4").forEach((heading) => {
      heading.setAttribute("aria-level", Math.min(6, Number(heading.localName[1]) + below));
    });
    const title = spoken(top.querySelector("h1"));
    list(page, title, page.sections ? [...top.querySelectorAll(":scope > section > h2")] : []);
    const running = JSON.stringify(title);
    made(document.head, "style", {}, `@page ${page.name} { @top-left { content: ${running}; } }`);
    return title;
  };

  // What is wider than the paper is made smaller, down to what can still be read.
  const fit = () => {
    const small = [];
    const shrink = (element, room, wide) => {
      const share = Math.max(0.6, Math.floor((100 * room) / wide) / 100);
      element.style.zoom = share;
      small.push(`${share} ${element.localName}`);
    };
    article.querySelectorAll("mjx-container[display='true']").forEach((set) => {
      const formula = set.querySelector("mjx-math").getBoundingClientRect().width;
      const number = set.parentElement.querySelector(".eqno")?.getBoundingClientRect().width ?? 0;
      const room = set.parentElement.clientWidth - 1.6 * number;
      if (formula > room + 1) shrink(set, room, formula);
    });
    article.querySelectorAll("table").forEach((table) => {
      const room = table.parentElement.clientWidth;
      if (table.offsetWidth > room + 1) shrink(table, room, table.offsetWidth);
    });
    return small;
  };

  const typeset = async () => {
    if (article.querySelector(".math")) {
      await window.MathJax.startup.promise;
      await window.MathJax.typesetPromise([article]);
    }
    await Promise.all([...document.fonts].map(face => face.load()));
    await Promise.all([...document.images].map(image => image.decode().catch(() => 0)));
    return fit();
  };

  // Links to no place are text; returned are the places they named.
  const loose = () => {
    const lost = [...article.querySelectorAll("a[href^='#']")]
      .filter(link => !document.getElementById(decodeURIComponent(link.hash.slice(1))));
    const places = lost.map(link => link.hash);
    lost.forEach(link => link.replaceWith(...link.childNodes));
    return places;
  };

  const number = (places) => {
    contents.querySelectorAll("a").forEach((link) => {
      const place = decodeURIComponent(link.hash.slice(1));
      link.parentElement.querySelector(".pdf-number").textContent = places[place] ?? "";
    });
  };

  const lines = () => [...contents.querySelectorAll("a")].map(link => [
    link.textContent, link.parentElement.querySelector(".pdf-number").textContent]);

  return {add, typeset, loose, number, lines};
})();
window.bookDocument = bookDocument;
