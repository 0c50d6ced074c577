"""Writes the tables of this folder, each with the same 40 rows: see want in parquet_test.go. pip install pyarrow; run here."""
import pyarrow as pa, pyarrow.parquet as pq

N = 40
text = [None if i % 7 == 3 else f"row {i % 5}" for i in range(N)]
flag = [None if i % 11 == 5 else i % 3 == 0 for i in range(N)]
table = pa.table({
    "text": pa.array(text), "flag": pa.array(flag, pa.bool_()),
    "i32": pa.array([i * i - 9 for i in range(N)], pa.int32()), "i64": pa.array([(i - 20) * 10**15 for i in range(N)], pa.int64()),
    "u8": pa.array([i % 256 for i in range(N)], pa.uint8()),
    "image": pa.array([None if i % 13 == 1 else {"bytes": bytes([i]) * (i % 6), "path": f"{i}.jpg"} for i in range(N)],
                      pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
    "list": pa.array([[1, 2]] * N),
}).replace_schema_metadata({"huggingface": '{"info": {}}'})
for codec in ("none", "snappy", "gzip", "brotli", "zstd", "lz4"):
    pq.write_table(table, f"{codec}.parquet", compression=codec, row_group_size=17, data_page_size=64, write_statistics=codec == "none")
pq.write_table(table, "plain.parquet", compression="none", use_dictionary=False, data_page_version="1.0", data_page_size=64)
pq.write_table(table, "version2.parquet", compression="zstd", use_dictionary=False, data_page_version="2.0", data_page_size=64)
pq.write_table(table, "version2_dictionary.parquet", compression="snappy", data_page_version="2.0", row_group_size=9)
pq.write_table(table, "delta.parquet", compression="snappy", use_dictionary=False, data_page_version="2.0", column_encoding={
    "text": "DELTA_BYTE_ARRAY", "flag": "RLE", "i32": "DELTA_BINARY_PACKED", "i64": "DELTA_BINARY_PACKED", "u8": "DELTA_BINARY_PACKED",
    "image.bytes": "DELTA_LENGTH_BYTE_ARRAY", "image.path": "DELTA_BYTE_ARRAY"})
# Bombs: one value that unpacks to 64 MB, and dictionary indices for many rows.
big = pa.table({"text": pa.array([b"\0" * (64 << 20)], pa.binary())})
pq.write_table(big, "bomb.parquet", compression="zstd", use_dictionary=False, write_statistics=False)
many = pa.table({"text": pa.array(["x"] * 3_000_000)})
pq.write_table(many, "many.parquet", compression="zstd", write_statistics=False)
