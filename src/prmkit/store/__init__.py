"""Data at rest: Parquet tables, the journal of paid work, the run folder.

* schema      Arrow schemas, derived from the records
* files       writes that are seen whole or not at all
* tables      records <-> Parquet
* journal     paid completions and finished rows, in SQLite
* lock        one process a folder
* manifest    what a run is and where it ran
* run_folder  all of these for one run
* stored_run  a run folder read as it lies there
"""

from prmkit.store.files import read_json, write_json
from prmkit.store.journal import Journal
from prmkit.store.manifest import Environment, Manifest, StageEntry, read_manifest, with_defaults
from prmkit.store.run_folder import RunFolder
from prmkit.store.schema import arrow_schema, optional_columns
from prmkit.store.stored_run import StoredRun, read_run
from prmkit.store.tables import read_records, write_records

__all__ = [
    "Environment",
    "Journal",
    "Manifest",
    "RunFolder",
    "StageEntry",
    "StoredRun",
    "arrow_schema",
    "optional_columns",
    "read_json",
    "read_manifest",
    "read_records",
    "read_run",
    "with_defaults",
    "write_json",
    "write_records",
]
