from .test_formats import *
import io, pyarrow as pa, duckdb
from marketflow.sources.readers.jsonl import JsonLines
from marketflow.sources.mapping import Mapper, Part, database
from marketflow.sources.mapping.plan import plan
def test_dbg(jsonl, keys, tmp_path):
    lines = [as_lines(order(n)) for n in range(120_000)]
    lines[70_000] = b"bad\n"
    r=JsonLines(io.BytesIO(b"".join(lines)),columns=jsonl.used_columns,unused=())
    bl=list(r.blocks())[:2]
    now=dt.datetime(2026,1,1,tzinfo=dt.UTC)
    for blocks in (bl, [*reversed(bl)]):
      with database(tmp_path/'t') as con:
        m=Mapper(con,jsonl,r.header,keys=keys,latest=now,country='US')
        rows=pa.concat_tables([b.rows for b in blocks])
        want=rows.column('id').to_pylist()
        for name,t in (('chunked',rows),('combined',rows.combine_chunks()),('cleanarrays',pa.table({n:pa.chunked_array([pa.array(b.rows[n].to_pylist(),pa.string()) for b in blocks]) for n in rows.column_names}))):
            got=m._run(t).column('orders.order_ref').to_pylist()
            bad=[i for i,(a,b) in enumerate(zip(got,want)) if a!=b]
            print(name,len(got),len(want),len(bad),bad[:1], [c.num_chunks for c in t.columns])
    print(m.plan.sql[:3000])
