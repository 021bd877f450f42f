// Opens one part of this installation's document; nothing is asked of another host.
"use strict";

const main = document.getElementById("api");

window.SwaggerUIBundle({
  domNode: main,
  url: main.dataset.document,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  persistAuthorization: false,
  validatorUrl: null,
});
