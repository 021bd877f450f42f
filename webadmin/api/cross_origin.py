"""Which pages of other sites may use the API from a browser: those of the setting, and no others.

Cookies are never accepted at the API, so a page needs a token of its own and none is lent by being signed in here:
credentials are not allowed across origins.
"""

from flask import Flask, Response, request

from runtime.settings import Settings

PREFIX = "/api/"
METHODS = "GET, POST, PATCH, DELETE"
ASKED = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-Id"
SHOWN = "Content-Disposition, ETag, Idempotency-Replayed, Retry-After, X-Request-Id"
KEPT_S = 600


def origins(text: str) -> frozenset[str]:
    """The origins of a setting such as `https://app.isp.example, http://localhost:3000`."""
    return frozenset(one.strip().lower() for one in text.split(",") if one.strip())


def init_cross_origin(app: Flask, settings: Settings) -> None:
    """Answer what a browser asks before it lets another site's page call; call it before anybody is refused."""
    allowed = origins(settings.api_origins)

    @app.before_request
    def answer_first_question() -> Response | None:
        asks = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        if not asks or not request.path.startswith(PREFIX) or _origin() not in allowed:
            return None
        headers = {
            "Access-Control-Allow-Methods": METHODS,
            "Access-Control-Allow-Headers": ASKED,
            "Access-Control-Max-Age": str(KEPT_S),
        }
        return Response(status=204, headers=headers)

    @app.after_request
    def name_the_origin(response: Response) -> Response:
        if allowed and request.path.startswith(PREFIX):
            # A cache between must not give one site's answer to another.
            response.vary.add("Origin")
            if _origin() in allowed:
                response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
                response.headers["Access-Control-Expose-Headers"] = SHOWN
        return response


def _origin() -> str:
    return request.headers.get("Origin", "").lower()
