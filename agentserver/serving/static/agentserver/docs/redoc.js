"use strict";

(() => {
  const place = document.getElementById("document");
  const options = {
    hideDownloadButtons: true,
    schemaDefinitionsTagName: place.dataset.schemas,
    scrollYOffset: "nav",
    theme: {
      colors: { primary: { main: "#4f46e5" } },
      typography: {
        fontFamily: "system-ui, sans-serif",
        headings: { fontFamily: "system-ui, sans-serif" },
        code: { fontFamily: "ui-monospace, monospace" },
      },
    },
  };
  window.Redoc.init(place.dataset.address, options, place);
})();
