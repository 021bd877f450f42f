from psycopg.sql import SQL
import time, cProfile, pstats
from typing import Any
from datetime import UTC, datetime, timedelta
from db.queries import outbox
Q="INSERT INTO session_changes (tenant_id,subscription_id,nas_server_id,acctuniqueid,acctsessionid,username,kind,attributes,reason,requested_by,caused_at) select tenant_id,subscription_id,nas_server_id,acctuniqueid,'x','u','coa','{\"Mikrotik-Rate-Limit\":\"1M/1M\"}','staff','t',now() from radacct_open limit "
def test_speed(isp: Any) -> None:
    routers=[isp.router() for _ in range(4)]
    cs=[isp.online(*routers[n%4]) for n in range(40)]
    cols=[r[0] for r in isp.connection.execute("select column_name from information_schema.columns where table_name='subscriptions' and column_name not in ('id','subscription_code','username')")]
    c=",".join(cols)
    isp.execute(f"INSERT INTO subscriptions (subscription_code,username,{c}) select 'X'||n,'x'||n,{c} from (select * from subscriptions limit 1) s, generate_series(1,50000) n")
    isp.execute("INSERT INTO radacct (acctsessionid,acctuniqueid,username,nasipaddress,acctstarttime,acctupdatetime,tenant_id,subscription_id,nas_server_id) select 's'||id,md5(id::text),username,'127.0.0.1',now(),now(),tenant_id,id,(select array_agg(id) from nas_servers)[1+mod(id,4)] from subscriptions")
    isp.execute(Q+"50000")
    for k in range(5):
        if k == 3: isp.execute("ANALYZE")
        t=time.monotonic()
        cl=outbox.claim_due(isp.connection, now=datetime.now(UTC), lease=timedelta(seconds=30), room=200, rooms={}, most_routers=500)
        print("CLAIM", len(cl), (time.monotonic()-t)*1000,"ms")
        t=time.monotonic()
        outbox.still_wanted(isp.connection, cl); print("WANTED",(time.monotonic()-t)*1000)
    cur=isp.connection.execute(SQL("EXPLAIN ANALYZE ")+outbox._CLAIM, {"now":datetime.now(UTC),"until":datetime.now(UTC),"room":200,"known":[],"rooms":[],"routers":500})
    print("\n".join(r[0] for r in cur))
