"""Every table of gesso. Times are seconds since 1970 (UTC), sizes bytes; identical in both databases."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    and_,
    false,
    literal_column,
    or_,
)

from gesso.database.append_only import append_only
from gesso.database.types import Json, Serial

SCHEMA_VERSION = 2

metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
)

account = Table(
    "account",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("weight", Double, nullable=False, default=1.0),
    Column("password_hash", Text),
    Column("limits", Json),  # what differs from the role's limits, by name; NULL: nothing
    Column("disabled", Boolean, nullable=False, default=False),
    Column("created", Double, nullable=False),
)

key = Table(
    "key",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("sha256", Text, nullable=False, unique=True),
    Column("scopes", Json),  # a list of names; NULL: all that the role has
    Column("in_url", Boolean, nullable=False, default=False),  # may be sent in an address, too
    Column("created", Double, nullable=False),
    Column("expires", Double),
    Column("revoked", Double),
    Column("used", Double),
)

login = Table(
    "login",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("key_id", Text, ForeignKey("key.id", ondelete="CASCADE"), index=True),
    Column("created", Double, nullable=False),
    Column("expires", Double, nullable=False),
)

setting = Table(
    "setting",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Json),
)

# Of this installation, made when first needed; every gateway on this database shares it.
secret = Table(
    "secret",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

userdata = Table(
    "userdata",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("path", Text, primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("created", Double, nullable=False),
    Column("modified", Double, nullable=False),
)
# So that sizes are summed without reading the contents, or every file's row.
Index("userdata_size", userdata.c.account_id, userdata.c.size)

# One row per user: the fair-share account. The counters are kept here, and not counted, because on
# PostgreSQL a count(*) is not looked at again after waiting for a lock; a column is.
flow = Table(
    "flow",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("weight", Double, nullable=False),
    Column("max_running", Integer, nullable=False),
    Column("max_queued", Integer, nullable=False),
    Column("vtime", Double, nullable=False),
    Column("pending", Double, nullable=False),  # the part of vtime that running jobs were charged beforehand
    Column("idle_since", Double),  # NULL: has a job queued or running
    Column("queued", Integer, CheckConstraint("queued >= 0"), nullable=False),
    Column("running", Integer, CheckConstraint("running >= 0"), nullable=False),
    Column("next_number", Integer, nullable=False),
)
# Predicates of partial indexes hold literals: with a bound value SQLite cannot see that the index fits.
HAS_QUEUED = flow.c.queued > literal_column("0")
Index("flow_ready", flow.c.vtime, sqlite_where=HAS_QUEUED, postgresql_where=HAS_QUEUED)

# The system's virtual time, one row; written by claims only, which come one at a time.
turn = Table(
    "turn",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
    Column("vtime", Double, nullable=False),
)

# Interned sets of requirements (sorted JSON list), with what jobs of the kind really took.
need = Table(
    "need",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("spec", Text, nullable=False, unique=True),
    Column("seconds", Double),
    Column("samples", Integer, nullable=False, default=0),
)

# One row per living gateway: its heartbeat is the lease of every job it drives.
session = Table(
    "session",
    metadata,
    Column("id", Text, primary_key=True),
    Column("url", Text),
    Column("started", Double, nullable=False),
    Column("heartbeat", Double, nullable=False),
)

job = Table(
    "job",
    metadata,
    Column("seq", Serial, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("owner", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("number", Double, nullable=False),
    Column("payload", Json, nullable=False),
    Column("inputs", Json, nullable=False),
    Column("client_id", Text),
    Column("need_id", ForeignKey("need.id"), nullable=False),
    Column("shape", Text),  # the same for runs of one workflow with other seeds and texts
    Column("cost", Double),  # the submitter's own estimate; NULL: need.seconds
    Column("idempotency_key", Text),
    Column("request_hash", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    Column("not_before", Double, nullable=False),
    Column("avoid_engine", Text),
    Column("avoid_until", Double),
    Column("overtaken", Double),  # when another first went first because its models were loaded; NULL: never
    Column("session", Text),
    Column("engine", Text),
    Column("prompt_id", Text),
    Column("charge", Double, nullable=False, default=0.0),  # virtual seconds charged by the present claim
    Column("cancel_asked", Boolean, nullable=False, default=False),
    Column("hidden", Boolean, nullable=False, default=False),
    Column("rev", Integer, nullable=False),
    Column("outputs", Json),
    Column("error", Json),
    Column("meta", Json),
    Column("created", Double, nullable=False),
    Column("started", Double),
    Column("finished", Double),
    Column("seconds", Double),  # of its engine, from the first node to the end, in the last attempt
    Column("silence", Double),  # the longest time in which its engine told no progress; NULL: not known
)

IS_QUEUED = job.c.state == literal_column("'queued'")
IS_RUNNING = job.c.state == literal_column("'running'")
IN_HISTORY = and_(job.c.finished.is_not(None), job.c.hidden.is_(false()))
HAS_SECONDS = job.c.seconds.is_not(None)
HAS_KEY = job.c.idempotency_key.is_not(None)

Index(
    "job_ready",
    job.c.owner,
    job.c.priority.desc(),
    job.c.number,
    job.c.seq,
    job.c.need_id,
    job.c.not_before,
    sqlite_where=IS_QUEUED,
    postgresql_where=IS_QUEUED,
)
Index("job_need", job.c.need_id, sqlite_where=IS_QUEUED, postgresql_where=IS_QUEUED)
Index("job_held", job.c.engine, sqlite_where=IS_RUNNING, postgresql_where=IS_RUNNING)
Index(
    "job_history",
    job.c.owner,
    job.c.finished,
    job.c.seq,
    sqlite_where=IN_HISTORY,
    postgresql_where=IN_HISTORY,
)
# What runs of one workflow took, the latest first: estimates are made of it.
Index(
    "job_pace",
    job.c.shape,
    job.c.engine,
    job.c.finished,
    sqlite_where=HAS_SECONDS,
    postgresql_where=HAS_SECONDS,
)
# Usage, and what of it counts against a limit, is read from this index alone.
ENDED = job.c.finished.is_not(None)
Index(
    "job_usage",
    job.c.owner,
    job.c.finished,
    job.c.seconds,
    job.c.engine,
    job.c.state,
    sqlite_where=ENDED,
    postgresql_where=ENDED,
)
# Partial, or SQLite would prefer it over job_ready.
Index(
    "job_key",
    job.c.owner,
    job.c.idempotency_key,
    unique=True,
    sqlite_where=HAS_KEY,
    postgresql_where=HAS_KEY,
)

# The artifacts a queued or running job will read; rows go when the job ends.
job_input = Table(
    "job_input",
    metadata,
    Column("job_id", Text, primary_key=True),
    Column("sha256", Text, primary_key=True, index=True),
)

artifact = Table(
    "artifact",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("created", Double, nullable=False, index=True),  # when it was last stored
)

file = Table(
    "file",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("type", Text, nullable=False),  # input, output or temp
    Column("subfolder", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("sha256", Text, ForeignKey("artifact.sha256"), nullable=False, index=True),
    Column("size", BigInteger, nullable=False),
    Column("content_type", Text),
    Column("job_id", Text, index=True),
    Column("node_id", Text),
    Column("created", Double, nullable=False, index=True),
    UniqueConstraint("account_id", "type", "subfolder", "name", name="file_name"),
)
Index("file_size", file.c.account_id, file.c.size)

# What was or is wrong, as rules said of what monitoring saw; at most one open of a rule and subject.
alarm = Table(
    "alarm",
    metadata,
    Column("id", Text, primary_key=True),
    Column("rule", Text, nullable=False),
    Column("subject", Text, nullable=False),  # "engine gpu-0", "card GPU-…", "queue"
    Column("step", Integer, nullable=False),  # the highest since it was raised
    Column("severity", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("remedy", Text, nullable=False),
    Column("raised", Double, nullable=False, index=True),
    Column("changed", Double, nullable=False),  # when it last was raised, escalated or ended
    Column("ended", Double),
    Column("ending", Text),  # why, in words
    Column("owed", Json),  # names of addresses that are still to be told of the change; NULL: none
    Column("undelivered", Json),  # by name of the address, why the last message did not arrive; NULL: nothing
)
IS_AT_WORK = or_(alarm.c.ended.is_(None), alarm.c.owed.is_not(None))
Index("alarm_open", alarm.c.id, sqlite_where=IS_AT_WORK, postgresql_where=IS_AT_WORK)

# Who did what to what, from where; rows are only ever added. Names are kept, so that they outlive accounts.
audit = Table(
    "audit",
    metadata,
    Column("seq", Serial, primary_key=True),
    Column("at", Double, nullable=False, index=True),
    Column("account_id", Text),  # NULL: nobody who had proved himself, or gesso's operator
    Column("actor", Text, nullable=False),
    Column("key_id", Text),
    Column("address", Text),
    Column("action", Text, nullable=False),  # "key.create", "engine.restart", "job.cancel", "login.failed"
    Column("target", Text),
    Column("detail", Json),
)
Index("audit_actor", audit.c.actor, audit.c.seq)
append_only(audit)

# What is sampled together: a card, an engine, the queue. The names of its values stand here once, and not
# in each sample; a source that has other values than before gets another row.
sample_source = Table(
    "sample_source",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("name", Text, nullable=False),  # "gpu.GPU-…", "engine.qwen", "queue", "gesso"
    Column("readings", Text, nullable=False),  # names, a JSON list: ["utilisation", "temperature"]
    UniqueConstraint("name", "readings", name="sample_source_readings"),
)

# Each moment of a source stands in one row: as it was taken, in its minute, or in its quarter of an hour.
# In order of time, and nothing else: writing is adding at the end, reading is one stretch.
sample = Table(
    "sample",
    metadata,
    Column("at", Double, primary_key=True),  # when it was taken, or its span begins
    Column("source_id", Integer, ForeignKey("sample_source.id"), primary_key=True),
    Column("span_s", Integer, primary_key=True),  # 0, 60 or 900
    # JSON, a value for each column: 71.5; of a span [least, mean, greatest, how many]; null: not known.
    Column("readings", Json, nullable=False),
    sqlite_with_rowid=False,
)
