"use strict";
// Swagger UI. Requests of somebody signed in to the admin carry the CSRF token that such need.

(() => {
  const place = document.getElementById("document");

  const csrfToken = () =>
    document.cookie
      .split("; ")
      .find((cookie) => cookie.startsWith("csrftoken="))
      ?.slice("csrftoken=".length);

  const withCsrfToken = (request) => {
    const token = csrfToken();
    const ours = new URL(request.url, document.baseURI).origin === location.origin;
    if (token && ours && !["GET", "HEAD"].includes(request.method ?? "GET")) {
      request.headers["X-CSRFToken"] = token;
    }
    return request;
  };

  window.SwaggerUIBundle({
    url: place.dataset.address,
    domNode: place,
    presets: [window.SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
    requestInterceptor: withCsrfToken,
    deepLinking: true,
    docExpansion: "none",
    filter: true,
    displayRequestDuration: true,
    defaultModelsExpandDepth: 0,
    validatorUrl: null,
  });
})();
