"""The leak matrix's table: gesso's own API and pages."""

from tests.integration.gateway.leak_rows import Ask, admin, elsewhere, own, same, strangers

API = "/gesso/api"
OURS = (
    own("GET", f"{API}/status", f"{API}/status", shows=("{account}", '"mine":3')),
    own("GET", f"{API}/whoami", f"{API}/whoami", shows=("{account}", "{key_in_use}")),
    own(
        "GET",
        f"{API}/keys",
        f"{API}/keys",
        f"{API}/keys?account={{account}}",
        f"{API}/keys?account={{account_id}}",
        shows=("{key}", "{key_name}"),
        admin_sees=True,
        all=True,
    ),
    own(
        "POST",
        f"{API}/keys",
        Ask(path=f"{API}/keys", body={"name": "stolen", "account": "{account}"}),
        Ask(path=f"{API}/keys", body={"name": "stolen", "account": "{account_id}", "scopes": ["jobs:own"]}),
        bites=12,
        safe=False,
    ),
    own("DELETE", f"{API}/keys/{{key_id}}", f"{API}/keys/{{key}}", bites=13, safe=False),
    own(
        "GET",
        f"{API}/jobs",
        f"{API}/jobs",
        f"{API}/jobs?limit=1000&state=running&state=queued&state=failed&state=succeeded",
        f"{API}/jobs?after={{job}}",
        f"{API}/jobs?after={{running}}",
        f"{API}/jobs?owner={{account_id}}&account={{account}}",
        shows=("{job}", "{output}"),
        all=True,
    ),
    own(
        "GET",
        f"{API}/jobs/{{job_id}}",
        *(f"{API}/jobs/{{{job}}}" for job in ("job", "failed", "running", "queued")),
        shows=("{account}", "SECRET"),
        admin_sees=True,
    ),
    own(
        "GET",
        f"{API}/jobs/{{job_id}}/events",
        f"{API}/jobs/{{job}}/events",
        f"{API}/jobs/{{failed}}/events",
        shows=("{job}",),
        admin_sees=True,
    ),
    elsewhere("GET", f"{API}/events"),
    own(
        "POST",
        f"{API}/jobs/{{job_id}}/cancel",
        Ask(path=f"{API}/jobs/{{waiting}}/cancel"),
        Ask(path=f"{API}/jobs/{{running}}/cancel"),
        bites=1,
        safe=False,
    ),
    same(f"{API}/engines"),
    same(f"{API}/engines/{{name}}", f"{API}/engines/{{engine}}"),
    same(f"{API}/openapi.json"),
    same(f"{API}/docs"),
    *(
        admin("POST", f"{API}/engines/{{name}}/{lever}", f"{API}/engines/{{engine}}/{lever}", safe=False)
        for lever in ("start", "stop", "restart", "drain", "resume")
    ),
    admin("GET", f"{API}/engines/{{name}}/logs", f"{API}/engines/{{engine}}/logs"),
    own(
        "POST",
        f"{API}/password",
        Ask(path=f"{API}/password", body={"old": None, "new": "sixteen letters!"}),
        Ask(path=f"{API}/password", body={"old": "not this one", "new": "sixteen letters!"}),
        bites=14,
        safe=False,
    ),
    admin(
        "PUT",
        f"{API}/users/{{name}}/password",
        Ask(path=f"{API}/users/{{account}}/password", body={"new": "sixteen letters!"}),
        safe=False,
    ),
    own(
        "GET",
        f"{API}/limits",
        f"{API}/limits",
        f"{API}/limits?account={{account}}",
        f"{API}/limits?account={{account_id}}",
        shows=("{account}",),
        admin_sees=True,
    ),
    own(
        "GET",
        f"{API}/usage",
        f"{API}/usage?by=user",
        f"{API}/usage?by=user&format=csv",
        f"{API}/usage?by=engine",
        f"{API}/usage?by=day&account={{account}}",
        shows=("{account}",),
        all=True,
    ),
    admin(
        "PATCH",
        f"{API}/users/{{name}}/limits",
        Ask(path=f"{API}/users/{{account}}/limits", body={"weight": 2.0}),
        Ask(path=f"{API}/users/{{account_id}}/limits", body={"jobs_queued": 1}),
        safe=False,
    ),
    own(
        "GET",
        f"{API}/files",
        f"{API}/files",
        f"{API}/files?type=input&order=largest&limit=1000",
        f"{API}/files?account={{account}}&owner={{account_id}}",
        shows=("{output}", "{upload}"),
    ),
    own(
        "DELETE",
        f"{API}/files",
        f"{API}/files?filename={{output}}&subfolder={{folder}}",
        f"{API}/files?filename={{temp}}&type=temp",
        f"{API}/files?filename={{upload}}&type=input",
        bites=11,
    ),
    admin("GET", f"{API}/audit", f"{API}/audit", f"{API}/audit?actor={{account}}&target={{job}}"),
    admin("GET", f"{API}/users"),
    admin("POST", f"{API}/users", Ask(path=f"{API}/users", body={"name": "{account}"})),
    admin("POST", f"{API}/users/{{name}}/disable", f"{API}/users/{{account}}/disable", safe=False),
    admin("POST", f"{API}/users/{{name}}/enable", f"{API}/users/{{account}}/enable", safe=False),
)
PAGES = (
    strangers("GET", "/gesso/healthz"),
    strangers("GET", "/gesso/readyz"),
    strangers("GET", "/gesso/login", "/gesso/login", "/gesso/login?next=/view?filename={output}"),
    strangers(
        "POST",
        "/gesso/login",
        Ask(path="/gesso/login", fields="key={key_prefix}"),
        Ask(path="/gesso/login", fields="name={account}&password=not%20this%20one"),
        Ask(path="/gesso/login", fields="name={account_id}&password="),
    ),
    strangers("GET", "/gesso/logout"),
    strangers("POST", "/gesso/logout"),
    *(
        strangers("GET", f"/gesso/pages/{name}")
        for name in ("colours.css", "gesso.css", "icon.svg", "login.js")
    ),
    same("/gesso"),
    same("/gesso/"),
    *(elsewhere("ANY", f"{API}{rest}") for rest in ("", "/", "/{rest...}")),  # where OURS are mounted
)
