"""The firewall address list the customer's address joins on the router."""

from radius.policies.types import Grant, Login


def grant(login: Login, grant: Grant) -> None:
    """The subscription's list, or its plan's."""
    grant.address_list = login.profile.address_list
