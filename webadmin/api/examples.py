"""Examples for the fields of the document that say none: by their name, by how it ends, by what may stand there."""

from typing import Any

_BY_NAME: dict[str, Any] = {
    "address": "Jl. Melati 5", "address_list": "isolir", "amount": "150000.00", "apartment_number": "12A",
    "api_certificate_fingerprint": "", "api_password": "a-long-password", "api_username": "lintas",
    "assigned_ip": "10.20.0.15", "calling_station": "AA:BB:CC:DD:EE:FF", "category": "equipment",
    "city": "Malang", "coa_port": 3799, "code": "CUST-2026110001", "comment": "moved in March",
    "company_name": "CV Sinar Jaya", "connection_type": "pppoe", "created_by": "Siti", "created_by_name": "Siti",
    "currency": "IDR", "description": "Installation", "email": "budi@example.net", "error_cause": "503",
    "firmware_version": "7.16", "framed_ip": "10.20.0.15", "house_number": "5", "id_card_number": "3573010101900001",
    "installation_address": "Jl. Melati 5", "interface": "ether2", "ip_address": "192.0.2.1", "ip_pool": "pool-1",
    "language": "id", "latitude": -7.97, "location": "Malang", "location_description": "mast on the roof",
    "longitude": 112.63, "manufacturer": "MikroTik", "model": "hEX", "name": "Budi Santoso", "nas_identifier": "core-1",
    "note": "by phone", "notes": "prefers mornings", "password": "k7-melati-42", "phone": "+628123456789",
    "postal_code": "65141", "problem": "", "radius_secret": "a-long-secret", "reason": "overdue",
    "redirect_url": "https://isp.example/pay", "reference": "TRF-8812", "requested_by": "Siti",
    "router_profile": "20m", "routeros_version": "7.16.1", "said": "done", "signature": "",
    "status": "active", "tax_id": "01.234.567.8-901.000", "terminate_cause": "User-Request", "total": "150000.00",
    "username": "budi", "vlan_id": 100,
}  # fmt: skip
_BY_END: tuple[tuple[str, Any], ...] = (
    *(("_bytes", 1_000_000_000), ("_kbps", 20_000), ("_percent", 80), ("_id", 1), ("_days", 30), ("_months", 12)),
    *(("_ms", 84), ("_s", 3600), ("_at", "2026-11-30T17:00:00+00:00"), ("_date", "2026-11-30")),
)
_BY_FORMAT = {"date-time": "2026-11-30T17:00:00+00:00", "date": "2026-11-30", "email": "budi@example.net"}
_BY_KIND: dict[str, Any] = {"integer": 1, "number": 1.5, "string": "text", "boolean": True}


def fill(document: dict[str, Any]) -> None:
    """Give every single value of the document's schemas an example that its own bounds allow."""
    for schema in document["components"]["schemas"].values():
        for name, value in schema.get("properties", {}).items():
            if not {"example", "enum", "default", "$ref", "anyOf"} & value.keys() and _kind(value) in _BY_KIND:
                value["example"] = _example(name, value)


def _kind(value: dict[str, Any]) -> str:
    kinds = value.get("type", "")
    return str(kinds) if isinstance(kinds, str) else str(next((one for one in kinds if one != "null"), ""))


def _example(name: str, value: dict[str, Any]) -> Any:
    """What the name promises, if it may stand there; otherwise the plainest value that may."""
    kind = _kind(value)
    by_end = [example for end, example in _BY_END if name.endswith(end)]
    for example in (_BY_FORMAT.get(value.get("format", "")), _BY_NAME.get(name), *by_end, _BY_KIND[kind]):
        if example is not None and _fits(example, kind, value):
            return example
    return value.get("minimum", 0) if kind in ("integer", "number") else "x" * value.get("minLength", 0)


def _fits(example: Any, kind: str, value: dict[str, Any]) -> bool:
    if kind == "string":
        shortest, longest = value.get("minLength", 0), value.get("maxLength", 10_000)
        return isinstance(example, str) and shortest <= len(example) <= longest
    if kind == "boolean":
        return isinstance(example, bool)
    if not isinstance(example, int if kind == "integer" else int | float):
        return False
    return bool(value.get("minimum", example) <= example <= value.get("maximum", example))
