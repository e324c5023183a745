-- A store as Figway wrote it before epochs had fields of their own (schema 12), by shadow.stores.sqlite of that release.
PRAGMA user_version = 12;
BEGIN TRANSACTION;
CREATE TABLE crossing (
    capability TEXT NOT NULL,
    epoch      TEXT NOT NULL,
    class      TEXT NOT NULL,
    kind       TEXT NOT NULL,
    count      INTEGER NOT NULL,
    first_seen REAL NOT NULL,
    last_seen  REAL NOT NULL,
    trace_id   TEXT NOT NULL,
    PRIMARY KEY (capability, epoch, class, kind)
) WITHOUT ROWID;
INSERT INTO "crossing" VALUES('results','3ad17ce1eb60d47ac81bf4f0','Patient','pair',1,1728036000.0,1728036000.0,'trace-1');
CREATE TABLE crosswalk (
    capability TEXT NOT NULL,
    epoch      TEXT NOT NULL,
    class      TEXT NOT NULL,
    legacy     TEXT NOT NULL,
    modern     TEXT NOT NULL,
    last_seen  REAL NOT NULL,
    PRIMARY KEY (capability, epoch, class, legacy),
    UNIQUE (capability, epoch, class, modern)
) WITHOUT ROWID;
INSERT INTO "crosswalk" VALUES('results','3ad17ce1eb60d47ac81bf4f0','Patient','cccccccccccccccccccccccc','dddddddddddddddddddddddd',1728036000.0);
CREATE TABLE declared (
    capability TEXT NOT NULL,
    legacy     TEXT NOT NULL,
    modern     TEXT NOT NULL,
    rules      TEXT NOT NULL,
    comparator TEXT NOT NULL,
    operation  TEXT NOT NULL,
    known      TEXT NOT NULL,
    exchanges  INTEGER NOT NULL,
    PRIMARY KEY (capability, legacy, modern, rules, comparator, operation, known)
) WITHOUT ROWID;
INSERT INTO "declared" VALUES('results','','','','9','read','K-1',2);
INSERT INTO "declared" VALUES('results','1.4','1.9','0a1b2c3d4e5f+0123456789abcdef','9','read','K-1',2);
INSERT INTO "declared" VALUES('results','1.4','2.0-rc1','0a1b2c3d4e5f.5f4e3d2c1b0a+0123456789abcdef-2~d00dfeed','9','read','K-1',2);
CREATE TABLE evidence (
    capability TEXT NOT NULL,
    legacy     TEXT NOT NULL,
    modern     TEXT NOT NULL,
    rules      TEXT NOT NULL,
    comparator TEXT NOT NULL,
    operation  TEXT NOT NULL,
    status     TEXT NOT NULL,
    resource   TEXT NOT NULL,
    shape      TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    count      INTEGER NOT NULL,
    effective  INTEGER NOT NULL,
    critical   INTEGER NOT NULL,
    reproduced INTEGER NOT NULL,
    first      REAL NOT NULL,
    last       REAL NOT NULL, hours TEXT NOT NULL DEFAULT '[]',
    PRIMARY KEY (capability, legacy, modern, rules, comparator, operation, status, resource, shape, outcome)
) WITHOUT ROWID;
INSERT INTO "evidence" VALUES('results','','','','9','read','2xx','Patient','','match',3,3,0,0,1728003600.0,1728003609.0,'[[480001, 3]]');
INSERT INTO "evidence" VALUES('results','1.4','1.9','0a1b2c3d4e5f+0123456789abcdef','9','read','2xx','Patient','','match',4,4,0,0,1728018000.0,1728018009.0,'[[480005, 4]]');
INSERT INTO "evidence" VALUES('results','1.4','2.0-rc1','0a1b2c3d4e5f.5f4e3d2c1b0a+0123456789abcdef-2~d00dfeed','9','read','2xx','Patient','','match',5,5,0,0,1728036000.0,1728036009.0,'[[480010, 5]]');
CREATE TABLE finding (
    capability     TEXT NOT NULL,
    operation      TEXT NOT NULL,
    kind           TEXT NOT NULL,
    signature_path TEXT NOT NULL,
    legacy_group   TEXT NOT NULL,
    modern_group   TEXT NOT NULL,
    count          INTEGER NOT NULL,
    first_seen     REAL NOT NULL,
    last_seen      REAL NOT NULL,
    path           TEXT NOT NULL,
    legacy_type    TEXT NOT NULL,
    legacy_length  INTEGER,
    legacy_form    TEXT NOT NULL,
    modern_type    TEXT NOT NULL,
    modern_length  INTEGER,
    modern_form    TEXT NOT NULL,
    trace_id       TEXT NOT NULL, severity TEXT NOT NULL DEFAULT 'major', modern_path TEXT NOT NULL DEFAULT '', legacy_token TEXT NOT NULL DEFAULT '', modern_token TEXT NOT NULL DEFAULT '', key_token TEXT NOT NULL DEFAULT '', again INTEGER NOT NULL DEFAULT 0, reproduced INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (capability, operation, kind, signature_path, legacy_group, modern_group)
) WITHOUT ROWID;
INSERT INTO "finding" VALUES('results','read','value','/items/*/code','string word','string word',1,1728036003.0,1728036003.0,'/items/0/code','string',4,'word','string',6,'word','trace-1','major','/items/1/code','aaaaaaaaaaaaaaaaaaaaaaaa','bbbbbbbbbbbbbbbbbbbbbbbb','',0,0);
CREATE TABLE gap (
    capability TEXT NOT NULL,
    reason     TEXT NOT NULL,
    hour       INTEGER NOT NULL,
    exchanges  INTEGER NOT NULL,
    first_seen REAL NOT NULL,
    last_seen  REAL NOT NULL,
    PRIMARY KEY (capability, reason, hour)
) WITHOUT ROWID;
INSERT INTO "gap" VALUES('results','killed',480010,2,1728036000.0,1728036001.0);
CREATE TABLE hidden (
    capability  TEXT NOT NULL,
    rule        TEXT NOT NULL,
    exchanges   INTEGER NOT NULL,
    differences INTEGER NOT NULL,
    last_seen   REAL NOT NULL,
    PRIMARY KEY (capability, rule)
) WITHOUT ROWID;
INSERT INTO "hidden" VALUES('results','stamps',1,2,1728036003.0);
CREATE TABLE hour (
    hour   INTEGER PRIMARY KEY,
    tokens INTEGER NOT NULL
);
INSERT INTO "hour" VALUES(480010,5);
CREATE TABLE noise (
    capability   TEXT NOT NULL,
    legacy_build TEXT NOT NULL,
    modern_build TEXT NOT NULL,
    rules        TEXT NOT NULL,
    comparator   TEXT NOT NULL,
    operation    TEXT NOT NULL,
    kind         TEXT NOT NULL,
    path         TEXT NOT NULL,
    modern       INTEGER NOT NULL,
    legacy       INTEGER NOT NULL,
    both         INTEGER NOT NULL,
    plain        INTEGER NOT NULL,
    first_seen   REAL NOT NULL,
    last_seen    REAL NOT NULL,
    PRIMARY KEY (capability, legacy_build, modern_build, rules, comparator, operation, kind, path)
) WITHOUT ROWID;
INSERT INTO "noise" VALUES('results','','','','9','read','value','/issued',1,2,3,1,1728003600.0,1728003605.0);
INSERT INTO "noise" VALUES('results','1.4','1.9','0a1b2c3d4e5f+0123456789abcdef','9','read','value','/issued',1,2,3,1,1728018000.0,1728018005.0);
INSERT INTO "noise" VALUES('results','1.4','2.0-rc1','0a1b2c3d4e5f.5f4e3d2c1b0a+0123456789abcdef-2~d00dfeed','9','read','value','/issued',1,2,3,1,1728036000.0,1728036005.0);
CREATE TABLE origin (
    made REAL NOT NULL
);
INSERT INTO "origin" VALUES(1.79599913536828565598e+09);
CREATE TABLE overflow (
    capability TEXT PRIMARY KEY,
    count      INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE pattern (
    capability TEXT NOT NULL,
    operation  TEXT NOT NULL,
    key        TEXT NOT NULL,
    folded     TEXT NOT NULL,
    PRIMARY KEY (capability, operation, key)
);
INSERT INTO "pattern" VALUES('results','read','6e91760a04a23456b83dc79b',X'7B226361706162696C697479223A22726573756C7473222C226F7065726174696F6E223A2272656164222C226B6579223A22366539313736306130346132333435366238336463373962222C2277686F6C65223A747275652C227369676E617475726573223A5B5B2276616C7565222C222F6974656D732F2A2F636F6465222C22737472696E6720776F7264222C22737472696E6720776F7264225D5D2C2273657665726974696573223A5B226D616A6F72225D2C22636F756E74223A312C2266697273745F7365656E223A313732383033363030332E302C226C6173745F7365656E223A313732383033363030332E302C22686F757273223A5B5B3438303031302C315D5D2C226578656D706C617273223A5B7B2274726163655F6964223A2274726163652D31222C226174223A313732383033363030332E302C22746F74616C223A312C22646966666572656E636573223A5B7B226B696E64223A2276616C7565222C2270617468223A222F6974656D732F302F636F6465222C226C6567616379223A5B22737472696E67222C342C22776F7264225D2C226D6F6465726E223A5B22737472696E67222C362C22776F7264225D2C227365766572697479223A226D616A6F72222C226D6F6465726E5F70617468223A222F6974656D732F312F636F6465222C226C65676163795F746F6B656E223A22616161616161616161616161616161616161616161616161222C226D6F6465726E5F746F6B656E223A22626262626262626262626262626262626262626262626262222C226B65795F746F6B656E223A22227D5D2C2273697A65223A39307D5D2C22736D616C6C657374223A7B2274726163655F6964223A2274726163652D31222C226174223A313732383033363030332E302C22746F74616C223A312C22646966666572656E636573223A5B7B226B696E64223A2276616C7565222C2270617468223A222F6974656D732F302F636F6465222C226C6567616379223A5B22737472696E67222C342C22776F7264225D2C226D6F6465726E223A5B22737472696E67222C362C22776F7264225D2C227365766572697479223A226D616A6F72222C226D6F6465726E5F70617468223A222F6974656D732F312F636F6465222C226C65676163795F746F6B656E223A22616161616161616161616161616161616161616161616161222C226D6F6465726E5F746F6B656E223A22626262626262626262626262626262626262626262626262222C226B65795F746F6B656E223A22227D5D2C2273697A65223A39307D2C22616761696E223A302C22726570726F6475636564223A307D');
CREATE TABLE patternless (
    capability TEXT PRIMARY KEY,
    count      INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE tally (
    capability TEXT NOT NULL,
    operation  TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    reason     TEXT NOT NULL,
    count      INTEGER NOT NULL,
    PRIMARY KEY (capability, operation, outcome, reason)
) WITHOUT ROWID;
INSERT INTO "tally" VALUES('results','read','match','',12);
INSERT INTO "tally" VALUES('results','read','mismatch','',1);
CREATE TABLE token (
    hour  INTEGER NOT NULL,
    token BLOB NOT NULL,
    PRIMARY KEY (hour, token)
) WITHOUT ROWID;
INSERT INTO "token" VALUES(480010,X'303030303030303030303030');
INSERT INTO "token" VALUES(480010,X'303030303030303030303031');
INSERT INTO "token" VALUES(480010,X'303030303030303030303032');
INSERT INTO "token" VALUES(480010,X'303030303030303030303033');
INSERT INTO "token" VALUES(480010,X'303030303030303030303034');
CREATE TABLE traffic (
    capability TEXT NOT NULL,
    operation  TEXT NOT NULL,
    stage      TEXT NOT NULL,
    arm        TEXT NOT NULL,
    requests   INTEGER NOT NULL,
    errors     INTEGER NOT NULL,
    seconds    TEXT NOT NULL,
    at         REAL NOT NULL,
    PRIMARY KEY (capability, operation, stage, arm)
) WITHOUT ROWID;
INSERT INTO "traffic" VALUES('results','read','shadow','modern',3,0,'[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]',1728036000.0);
COMMIT;
