"""Whether the device has to wait for wrong passwords it gave. Who waits, and why, is counted in `radius.guessing`."""

from radius.policies.types import Login


def refuse(login: Login) -> str | None:
    """Refused before the password is looked at, so that a right guess tells nothing."""
    return "too_many_tries" if login.wait_s > 0 else None


def sees(login: Login) -> dict[str, object]:
    """How long the device has to wait still."""
    return {"wait_s": round(login.wait_s, 1)}
