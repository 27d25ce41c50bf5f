// On the first page, which shows no formula: fetch the fonts that the formulas of most others need.
// From a file nothing is fetched ahead, since a browser lets no file ask for another in this way.
{
  const { fetch: fonts } = document.currentScript.dataset;
  if (location.protocol !== "file:") {
    fonts.split(" ").forEach((address) => {
      const link = document.createElement("link");
      Object.assign(link, { rel: "prefetch", as: "font", crossOrigin: "anonymous", href: address });
      document.head.append(link);
    });
  }
}
