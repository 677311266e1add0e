"""The HTTP base of every face: views, bodies, answers, errors, pages and OpenAPI."""
