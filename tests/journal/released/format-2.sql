PRAGMA application_id = 1346456654;
PRAGMA user_version = 2;
BEGIN TRANSACTION;
CREATE TABLE about (
    session TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (session, seq)
) WITHOUT ROWID;
INSERT INTO "about" VALUES('ses_1',4);
INSERT INTO "about" VALUES('ses_1',5);
INSERT INTO "about" VALUES('ses_1',6);
INSERT INTO "about" VALUES('ses_1',7);
INSERT INTO "about" VALUES('ses_1',8);
INSERT INTO "about" VALUES('ses_1',9);
INSERT INTO "about" VALUES('ses_1',10);
INSERT INTO "about" VALUES('ses_1',11);
INSERT INTO "about" VALUES('ses_1',12);
INSERT INTO "about" VALUES('ses_1',13);
CREATE TABLE entries (
    seq INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    version INTEGER NOT NULL,
    kind TEXT NOT NULL,
    event TEXT NOT NULL,
    decisions TEXT NOT NULL,
    effects TEXT NOT NULL,
    previous TEXT NOT NULL,
    checksum TEXT NOT NULL
);
INSERT INTO "entries" VALUES(1,'2026-02-05T02:00:00.000000Z',1,'DaemonStarted','{"is":"DaemonStarted","at":"2026-02-05T02:00:00.000000Z","version":"0.2.0","seed":"5eed5eed5eed","boot_id":"","pid":0}','[]','[]','0000000000000000','c86745ce203f3907');
INSERT INTO "entries" VALUES(2,'2026-02-05T02:00:00.000000Z',1,'PolicyAdopted','{"is":"PolicyAdopted","at":"2026-02-05T02:00:00.000000Z","name":"night","digest":"340937abc1913a639e1a8db7677f17ad85d689ea1108ec36d073abda4e31de11","resolved_in":"ab9b5323d7ddc16d"}','[]','[]','c86745ce203f3907','6ef28c9ea9a8c2c3');
INSERT INTO "entries" VALUES(3,'2026-02-05T02:00:00.000000Z',1,'AgentUp','{"is":"AgentUp","at":"2026-02-05T02:00:00.000000Z","agent":"opencode","assistant":"opencode","way":"managed","version":"1.18.33","supported":true,"started_at":"2026-02-05T02:00:00.000000Z","pid":null,"detail":""}','[]','[]','6ef28c9ea9a8c2c3','89f861b4ab28d584');
INSERT INTO "entries" VALUES(4,'2026-02-05T02:00:00.000000Z',1,'SessionSeen','{"is":"SessionSeen","at":"2026-02-05T02:00:00.000000Z","session":"ses_1","agent":"opencode","title":"night","directory":"","parent":null,"created":null}','[]','[]','89f861b4ab28d584','7897c890f864b2a1');
INSERT INTO "entries" VALUES(5,'2026-02-05T02:00:00.000000Z',1,'SessionWorking','{"is":"SessionWorking","at":"2026-02-05T02:00:00.000000Z","session":"ses_1","agent":"opencode"}','[]','[]','7897c890f864b2a1','1e207e8c34fe38b7');
INSERT INTO "entries" VALUES(6,'2026-02-05T02:10:00.000000Z',1,'SessionStopped','{"is":"SessionStopped","at":"2026-02-05T02:10:00.000000Z","session":"ses_1","agent":"opencode","stop":{"is":"Stop","key":"msg_1","reason":"rate_limit","confidence":1.0,"message":"the provider says rate_limit","provider":null,"model":null,"http_status":null,"retry_at":"2026-02-05T02:11:00.000000Z","retrying":false,"attempt":null,"exit_code":null,"signal":null,"words":false,"evidence":{}}}','[{"is":"Decision","id":1,"at":"2026-02-05T02:10:00.000000Z","kind":"decided","event":"stopped","rule":"rate","why":"","session":"ses_1","policy":"340937abc1913a639e1a8db7677f17ad85d689ea1108ec36d073abda4e31de11","seed":"5eed5eed5eed:1","limited":false,"facts":{"event":"stopped","session.title":"night","session.directory":"","session.idle":{"duration_s":600.0},"progress.age":{"duration_s":600.0},"session.age":{"duration_s":600.0},"progress.repeats":1,"operator.paused":false,"work.state":"absent","session.children":0,"stop.reason":"rate_limit","stop.confidence":1.0,"stop.retry_after":{"duration_s":60.0},"stop.message":"the provider says rate_limit","stop.retrying":false,"episode.attempts":0,"episode.age":{"duration_s":0.0},"episode.first_reason":"rate_limit","agent.kind":"opencode","agent.name":"opencode","agent.way":"managed","agent.up":true,"agent.restarts":0,"agent.retrying":false,"agent.version":"1.18.33","agent.supported":true},"plan":[{"is":"Wait","span":null,"until":"retry_after","backoff":null,"condition":null,"calendar":null,"otherwise":{"is":"Backoff","first":15.0,"factor":2.0,"longest":600.0},"jitter":0.0,"longest":null},{"is":"Resume","message":null,"model":null}],"tries":0}]','[]','1e207e8c34fe38b7','223c4a551b240c99');
INSERT INTO "entries" VALUES(7,'2026-02-05T02:11:00.000000Z',1,'Ticked','{"is":"Ticked","at":"2026-02-05T02:11:00.000000Z"}','[]','[{"is":"Resume","id":"5eed5eed-1.1","decision":1,"session":"ses_1","agent":"opencode","stop":"msg_1","words":false,"text":"Continue from where you stopped. Do not repeat finished work.","model":null}]','223c4a551b240c99','1deaf90232cfced2');
INSERT INTO "entries" VALUES(8,'2026-02-05T02:11:00.000000Z',1,'EffectEnded','{"is":"EffectEnded","at":"2026-02-05T02:11:00.000000Z","effect":"5eed5eed-1.1","result":"ok","detail":"","data":{}}','[]','[]','1deaf90232cfced2','e2928b1fa2dbcf63');
INSERT INTO "entries" VALUES(9,'2026-02-05T02:11:00.000000Z',1,'SessionWorking','{"is":"SessionWorking","at":"2026-02-05T02:11:00.000000Z","session":"ses_1","agent":"opencode"}','[]','[]','e2928b1fa2dbcf63','012dea5a6ba820ab');
INSERT INTO "entries" VALUES(10,'2026-02-05T02:11:00.000000Z',1,'SessionAlive','{"is":"SessionAlive","at":"2026-02-05T02:11:00.000000Z","session":"ses_1","what":"text"}','[{"is":"Decision","id":2,"at":"2026-02-05T02:11:00.000000Z","kind":"verified","event":"progress","rule":"rate","why":"works again","session":"ses_1","policy":"340937abc1913a639e1a8db7677f17ad85d689ea1108ec36d073abda4e31de11","seed":"5eed5eed5eed:2","limited":false,"facts":{"stop.reason":"rate_limit"},"plan":[],"tries":0}]','[]','012dea5a6ba820ab','6561c4f29fd638f7');
INSERT INTO "entries" VALUES(11,'2026-02-05T02:11:00.000000Z',1,'SessionProgressed','{"is":"SessionProgressed","at":"2026-02-05T02:11:00.000000Z","session":"ses_1","what":"turn"}','[]','[]','6561c4f29fd638f7','dadcb63c2925e3b8');
INSERT INTO "entries" VALUES(12,'2026-02-05T02:20:00.000000Z',1,'SessionStopped','{"is":"SessionStopped","at":"2026-02-05T02:20:00.000000Z","session":"ses_1","agent":"opencode","stop":{"is":"Stop","key":"msg_2","reason":"rate_limit","confidence":1.0,"message":"the provider says rate_limit","provider":null,"model":null,"http_status":null,"retry_at":"2026-02-05T02:21:00.000000Z","retrying":false,"attempt":null,"exit_code":null,"signal":null,"words":false,"evidence":{}}}','[{"is":"Decision","id":3,"at":"2026-02-05T02:20:00.000000Z","kind":"decided","event":"stopped","rule":"rate","why":"","session":"ses_1","policy":"340937abc1913a639e1a8db7677f17ad85d689ea1108ec36d073abda4e31de11","seed":"5eed5eed5eed:3","limited":false,"facts":{"event":"stopped","session.title":"night","session.directory":"","session.idle":{"duration_s":540.0},"progress.age":{"duration_s":540.0},"session.age":{"duration_s":1200.0},"progress.repeats":1,"operator.paused":false,"work.state":"absent","session.children":0,"stop.reason":"rate_limit","stop.confidence":1.0,"stop.retry_after":{"duration_s":60.0},"stop.message":"the provider says rate_limit","stop.retrying":false,"episode.attempts":0,"episode.age":{"duration_s":600.0},"episode.first_reason":"rate_limit","agent.kind":"opencode","agent.name":"opencode","agent.way":"managed","agent.up":true,"agent.restarts":0,"agent.retrying":false,"agent.version":"1.18.33","agent.supported":true},"plan":[{"is":"Wait","span":null,"until":"retry_after","backoff":null,"condition":null,"calendar":null,"otherwise":{"is":"Backoff","first":15.0,"factor":2.0,"longest":600.0},"jitter":0.0,"longest":null},{"is":"Resume","message":null,"model":null}],"tries":0}]','[]','dadcb63c2925e3b8','5121ce24ed5257e3');
INSERT INTO "entries" VALUES(13,'2026-02-05T02:21:00.000000Z',1,'Ticked','{"is":"Ticked","at":"2026-02-05T02:21:00.000000Z"}','[]','[{"is":"Resume","id":"5eed5eed-3.1","decision":3,"session":"ses_1","agent":"opencode","stop":"msg_2","words":false,"text":"Continue from where you stopped. Do not repeat finished work.","model":null}]','5121ce24ed5257e3','ecc1f3757f5493e9');
CREATE TABLE gaps (
    first INTEGER PRIMARY KEY,
    last INTEGER NOT NULL,
    why TEXT NOT NULL,
    at TEXT NOT NULL,
    previous TEXT NOT NULL,
    anchor TEXT NOT NULL,
    seal TEXT NOT NULL
);
CREATE TABLE intents (
    effect TEXT PRIMARY KEY, seq INTEGER NOT NULL, session TEXT, checksum TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO "intents" VALUES('5eed5eed-1.1',7,'ses_1','a6b1ffea');
INSERT INTO "intents" VALUES('5eed5eed-3.1',13,'ses_1','207ebb66');
CREATE TABLE outcomes (
    effect TEXT PRIMARY KEY, seq INTEGER NOT NULL, checksum TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO "outcomes" VALUES('5eed5eed-1.1',8,'eef90605');
CREATE TABLE policies (
    id INTEGER PRIMARY KEY,
    content TEXT NOT NULL UNIQUE,
    digest TEXT NOT NULL,
    name TEXT NOT NULL,
    resolved TEXT NOT NULL
);
INSERT INTO "policies" VALUES(1,'ab9b5323d7ddc16d','340937abc1913a639e1a8db7677f17ad85d689ea1108ec36d073abda4e31de11','night','{"version":1,"name":"test","rules":[{"id":"rate","when":["stop.reason in (''rate_limit'', ''overloaded'')"],"do":[{"wait":{"until":"retry_after","else":{"backoff":{"first":"15s","factor":2,"max":"10m"}}}},{"resume":{}}]},{"id":"quota","when":["stop.reason == ''quota''"],"do":[{"wait":{"until":"retry_after","else":{"backoff":{"first":"15s","factor":2,"max":"10m"}}}},{"resume":{}}]},{"id":"crash","when":["stop.reason == ''crash''"],"do":[{"wait":{"backoff":{"first":"2s","factor":3,"max":"2m"}}},{"restart":{}},{"resume":{}}]},{"id":"context","when":["stop.reason == ''context_exhausted''"],"do":[{"new-session":{}}]},{"id":"done","when":["stop.reason == ''completed'' and work.state == ''absent''"],"do":[{"finish":{}}]}],"default":{"do":[{"attention":{"reason":"no rule matched"}}]}}');
CREATE TABLE snapshots (
    seq INTEGER PRIMARY KEY, version INTEGER NOT NULL, world TEXT NOT NULL, checksum TEXT NOT NULL
);
INSERT INTO "snapshots" VALUES(8,1,'{"is":"World","seed":"5eed5eed5eed","started_at":"2026-02-05T02:00:00.000000Z","decisions":1,"policy":"340937abc1913a639e1a8db7677f17ad85d689ea1108ec36d073abda4e31de11","policy_name":"night","policy_problems":[],"shadow":null,"paused":false,"paused_by":"","agents":{"opencode":{"is":"Agent","id":"opencode","assistant":"opencode","way":"managed","version":"1.18.33","supported":true,"up":true,"since":"2026-02-05T02:00:00.000000Z","started_at":"2026-02-05T02:00:00.000000Z","pid":null,"down":null,"detail":"","restarts":[],"tripped":false,"stopped":false}},"sessions":{"ses_1":{"is":"Session","id":"ses_1","agent":"opencode","title":"night","directory":"","parent":null,"status":"verifying","since":"2026-02-05T02:11:00.000000Z","outlook":"waiting for a sign of life","supervised":true,"seen_at":"2026-02-05T02:00:00.000000Z","created":null,"facts":{},"stop":{"is":"Stop","key":"msg_1","reason":"rate_limit","confidence":1.0,"message":"the provider says rate_limit","provider":null,"model":null,"http_status":null,"retry_at":"2026-02-05T02:11:00.000000Z","retrying":false,"attempt":null,"exit_code":null,"signal":null,"words":false,"evidence":{}},"stopped_at":"2026-02-05T02:10:00.000000Z","earlier":[],"block":null,"failure":null,"episode":{"is":"Episode","started_at":"2026-02-05T02:10:00.000000Z","first_reason":"rate_limit","attempts":1,"tries":{"rate":1}},"plan":{"is":"Plan","decision":1,"rule":"rate","event":"stopped","steps":[{"is":"Wait","span":null,"until":"retry_after","backoff":null,"condition":null,"calendar":null,"otherwise":{"is":"Backoff","first":15.0,"factor":2.0,"longest":600.0},"jitter":0.0,"longest":null},{"is":"Resume","message":null,"model":null}],"index":2,"started_at":"2026-02-05T02:10:00.000000Z","seed":"5eed5eed5eed:1","tries":0,"stop":"msg_1","facts":{"event":"stopped","session.title":"night","session.directory":"","session.idle":{"duration_s":600.0},"progress.age":{"duration_s":600.0},"session.age":{"duration_s":600.0},"progress.repeats":1,"operator.paused":false,"work.state":"absent","session.children":0,"stop.reason":"rate_limit","stop.confidence":1.0,"stop.retry_after":{"duration_s":60.0},"stop.message":"the provider says rate_limit","stop.retrying":false,"episode.attempts":0,"episode.age":{"duration_s":0.0},"episode.first_reason":"rate_limit","agent.kind":"opencode","agent.name":"opencode","agent.way":"managed","agent.up":true,"agent.restarts":0,"agent.retrying":false,"agent.version":"1.18.33","agent.supported":true},"wait_from":null,"deadline":null,"because":"","awaits":"","look_at":null,"question":"","capped":"","effect":null,"snapshot":"","acted":true,"acted_at":"2026-02-05T02:11:00.000000Z"},"holds":[],"watches":[],"verify_until":"2026-02-05T02:13:00.000000Z","reopen_at":null,"reopen_after":null,"half_open":false,"paused_from":null,"paused_by":"","alive_at":null,"progressed_at":null,"healthy_since":null,"stall_told_at":null,"person_at":null,"latched":false,"aborting":false,"model":null,"model_until":null,"happened":[["started","2026-02-05T02:00:00.000000Z"],["stopped","2026-02-05T02:10:00.000000Z"],["rate_limit","2026-02-05T02:10:00.000000Z"]],"decided":[["rate","2026-02-05T02:10:00.000000Z"]],"prompts":["2026-02-05T02:11:00.000000Z"],"repeats":1,"spent_before":0.0,"unproductive":1,"rails":[],"predecessor":null,"successor":null}},"host":{},"open":{},"questions":{},"used":{"actions":["2026-02-05T02:11:00.000000Z"],"prompts":["2026-02-05T02:11:00.000000Z"]},"held":[],"spent":{},"told":{}}','a752ca0726f79344');
CREATE TRIGGER entries_do_not_change BEFORE UPDATE ON entries
BEGIN SELECT RAISE(ABORT, 'entries are append-only'); END;
CREATE TRIGGER entries_stay BEFORE DELETE ON entries
WHEN OLD.seq < (SELECT max(seq) FROM entries) AND NOT EXISTS (
    SELECT 1 FROM gaps WHERE why = 'removed' AND OLD.seq BETWEEN first AND last
)
BEGIN SELECT RAISE(ABORT, 'entries are append-only'); END;
COMMIT;
