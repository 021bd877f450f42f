"""Hands the stored password over; FreeRADIUS itself computes PAP, CHAP and MS-CHAPv2 from it."""

from radius.policies.types import Grant, Login


def grant(login: Login, grant: Grant) -> None:
    """The password stays encrypted here: it is opened where the control list is made."""
    grant.password_token = login.profile.password_token
