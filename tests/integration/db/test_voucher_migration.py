"""Vouchers that were there before batches were rows come into one, and out of it again."""

from pathlib import Path

import psycopg

from db.migrations import runner

BEFORE, AFTER = "0016", "0017"
ROWS = """
INSERT INTO tenants (name, slug) VALUES ('Cempaka', 'cempaka');
INSERT INTO customers (tenant_id, customer_code, name) SELECT id, 'CUST-1', 'Walk-in' FROM tenants;
INSERT INTO service_plans (tenant_id, name, slug, download_kbps, upload_kbps)
    SELECT id, 'Harian', 'harian', 1000, 1000 FROM tenants;
INSERT INTO subscriptions (tenant_id, customer_id, service_plan_id, subscription_code, username, service_password_enc)
    SELECT t.id, c.id, p.id, 'SUB-' || n, 'code-' || n, 'x' FROM tenants t, customers c, service_plans p,
        generate_series(1, 4) n;
INSERT INTO vouchers (tenant_id, subscription_id, code, batch, validity_s)
    SELECT tenant_id, id, username, CASE username WHEN 'code-4' THEN '' ELSE 'nov' END, 3600 FROM subscriptions;
"""


def test_vouchers_come_into_batches_and_out_again(empty_db_url: str, keys_file: Path) -> None:
    runner.upgrade(empty_db_url, BEFORE)
    with psycopg.connect(empty_db_url) as connection:
        connection.execute(ROWS)

    runner.upgrade(empty_db_url, AFTER)
    with psycopg.connect(empty_db_url) as connection:
        batches = connection.execute(
            "SELECT b.name, b.kind, p.name, b.validity_s, count(*) FROM voucher_batches b"
            " JOIN service_plans p ON p.id = b.service_plan_id JOIN vouchers v ON v.batch_id = b.id"
            " GROUP BY 1, 2, 3, 4 ORDER BY 1"
        ).fetchall()
        connection.execute("UPDATE vouchers SET state = 'active', first_used_at = now() WHERE code = 'code-1'")
    assert batches == [("(unnamed)", "access", "Harian", 3600, 1), ("nov", "access", "Harian", 3600, 3)]

    runner.downgrade(empty_db_url, BEFORE)
    with psycopg.connect(empty_db_url) as connection:
        words = connection.execute("SELECT code, batch FROM vouchers ORDER BY code").fetchall()
    assert words == [("code-1", "nov"), ("code-2", "nov"), ("code-3", "nov"), ("code-4", "(unnamed)")]
