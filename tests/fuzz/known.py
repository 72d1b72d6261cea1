"""What the doors are known to take, and the words that matter in it: where fuzzing begins."""

from __future__ import annotations

from importlib import resources

NOTE = b"cuga/5b1f0a\n1\n%s=\nepoch 1\nevents 3\n\n\xe2\x80\x94 cuga/5b1f0a %s==\n" % (b"A" * 43, b"A" * 90)

_HEADS = b"From: Ana <ana@example.com>\r\nTo: nora@example.com\r\nSubject: =?utf-8?q?Re=3A_hi?=\r\n"
_REPORT = b"""MIME-Version: 1.0\r
Content-Type: multipart/report; report-type=delivery-status; boundary=b\r
\r
--b\r
Content-Type: text/html; charset=utf-8\r
\r
<p>Not <b>now</b></p>\r
--b\r
Content-Type: message/delivery-status\r
\r
Final-Recipient: rfc822; a@b.example\r
Status: 5.1.1\r
\r
--b--\r
"""
_DOCUMENT = b"""{"openapi":"3.1.0","servers":[{"url":"https://api.example.com"}],
"components":{"schemas":{"A":{"type":"object","properties":{"b":{"$ref":"#/components/schemas/A"}}}}},
"paths":{"/a/{id}":{"parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"string"}}],
"post":{"operationId":"x","responses":{"200":{"description":"ok"}},
"requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/A"}}}}}}}}"""
_EVIDENCE = b"""{"format":"cuga-evidence/1","about":"x","files":{"appends.jsonl":"00"},"withheld":[],
"whole":{"peaks":[],"until":1}}

{"index":0,"position":1,"stream":"r","expected":0,"hash":"00","path":[],"events":["{\\"type\\":\\"x\\"}"]}
"""
_IMAP = (
    b"* OK [CAPABILITY IMAP4rev1 UIDPLUS] hi\r\n* CAPABILITY IMAP4rev1\r\nAAAA0 OK\r\nAAAA1 OK in\r\n* 2 EXISTS\r\n"
    b"* OK [UIDVALIDITY 7] x\r\nAAAA2 OK [READ-ONLY]\r\n* SEARCH 1 2\r\nAAAA3 OK\r\n"
    b"* 1 FETCH (UID 1 RFC822.SIZE 9)\r\nAAAA4 OK\r\n* 1 FETCH (UID 1 BODY[]<0> {3}\r\nabc)\r\nAAAA5 OK\r\n"
)
_SHEET = (
    b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    b'<row r="1"><c r="A1" t="inlineStr"><is><t>Name</t></is></c></row>%s</sheetData></worksheet>'
)
_RPC = b'{"jsonrpc":"2.0","id":1,"result":%s}'

SEEDS: dict[str, list[bytes]] = {
    "registry": [
        resources.files("cuga").joinpath("registry.yaml").read_bytes(),
        b"version: 1\nprofiles:\n  a:\n    budget: {calls: 3}\n    approvals: strict\n    adapters: {crm: [offline]}\n",
    ],
    "policy_cases": [b"cases:\n  - {tool: send_message, profile: smb, expect: asks, input: {a: [1, x]}, quorum: 1}\n"],
    "condition": [
        b"score.points > 50",
        b"text in ['a'] && has(score.label)",
        b"list.all(x, x > 0)",
        b"'a'.matches('^(a+)+$')",
    ],
    "goal": [
        b"Score Borealis Foods, draft a first email to its buyer, check it, and qualify the open deal",
        b"top 5 deals above $10k in the last 3 months, then write to each of them",
        b"do not send anything unless the score is above 70",
    ],
    "models_answer": [
        b'{"steps":[{"id":"a","tool":"score_account_fit","input":{"account":"Acme"},"reason":"r"}],"why":["x"]}',
        b'{"steps":[{"id":"a","tool":"score_account_fit","input":{"n":123456789012345678901234567890,"x":NaN}}]}',
        b'{"question":"Which Acme?"}',
    ],
    "csv": [
        b"Name,Industry,Revenue\nAcme,retail,1.2m\n",
        b"\xff\xfeN\0a\0m\0e\0\n\0",
        b'Id;Name\n1;"A\nB"\n',
        b"Name\tOwner\nx",
    ],
    "json_records": [
        b'[{"Name":"Acme","Revenue":1.5}]',
        b'{"results":[{"id":"1","properties":{"name":"x"}}]}',
        b'[{"Name":"Acme","Reve\\ud800nue":1.5}]',
    ],
    "workbook": [
        _SHEET % b'<row r="2"><c r="A2"><v>1</v></c></row>',
        _SHEET % b'<row r="2"><c r=")2"><v>1</v></c></row>',
    ],
    "mapping": [b'{"accounts.csv":{"kind":"accounts","columns":{"Umsatz":"revenue"},"units":{"Umsatz":"EUR"}}}'],
    "markdown": [
        b"---\ntitle: A\napproved: yes\ndate: 2025-01-01\n---\n# H\n\ntext\n\n- x\n",
        b"# A\n```\n# no\n```\n",
    ],
    "html": [
        b"<html><head><meta name=title content=x></head><body><h1>A</h1><p>b<br>c</p><script>x</script></body>",
        b"<h1>A</h1><![CDTA[x]]>",
    ],
    "suppression": [b"address,reason,on,source\nnora@example.com,asked,2026-01-01,mail\n@example.org,,,\n"],
    "mail": [
        _HEADS + b"\r\nPlease stop.\r\n",
        _HEADS + _REPORT,
        _HEADS + b"Content-Type: text/plain; charset=utf-7\r\n\r\n+ADw-\r\n",
    ],
    "reply": [
        b"Not right now, come back in March.\n> stop",
        "Ich bin bis 12.01. nicht im Büro.".encode(),
        b"On Mon wrote:\n> x",
    ],
    "mailbox_server": [_IMAP, _IMAP.replace(b"{3}", b"{99999999999}"), b"* BYE no\r\n", b"* PREAUTH x\r\n"],
    "mcp_frame": [
        _RPC % b'{"tools":[{"name":"t","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true}}]}',
        _RPC % b'{"content":[{"type":"text","text":"[1]"}],"structuredContent":{"n":1}}',
        _RPC % b'{"content":[{"type":"resource","resource":{"uri":"a:b","blob":"AA=="}}]}',
        b'{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"x"}}',
    ],
    "openapi": [
        _DOCUMENT,
        b"openapi: 3.0.1\npaths:\n  /a:\n    get: {responses: {'200': {description: ok}}}\n",
        b"a: &a [*a]\n",
    ],
    "note": [NOTE, b"cuga/5b1f+4f2a0011+AV" + b"A" * 42],
    "journal_file": [
        b"\0\0\0",
        b"\x10\0\x01\xff\xff",
        b"\x08\x20\0{}",
        b"\x25\x20\x04\x04\xe4",
    ],  # the last: a stream without a name
    "evidence": [_EVIDENCE, b'{"format":"cuga-evidence/1"}', b"[]"],
    "evidence_file": [b"PK\x05\x06" + bytes(18)],
    "body": [b'{"goal":"x","profile":"smb"}', b'{"a":[1,-2.5e3,true,null,"\\u00e9"]}'],
    "cursor": [b"MTIz", b"", b"LTE", b"_-8="],
    "desk": [
        b'{"id":1,"method":"start","params":{"goal":"x","profile":"smb"}}',
        b'{"id":2,"method":"answer","params":{"approval_id":"a","verdict":"approve"}}',
        b'{"id":3,"method":"runs","params":{"limit":5}}',
    ],
    "tool_result": [
        b'{"a":[1,2.5,null,"sk-canary-0123456789"],"password":"x"}',
        b'"\\ud800"',
        b"sk-canary-0123456789",
    ],
}

WORDS: dict[str, bytes] = {
    "registry": b"profiles:|tools:|mcp:|openapi:|&a |*a|!!|<<:|---\n|approvals:|budget:|adapters:|rates:",
    "policy_cases": b"expect:|because:|roles:|input:|quorum:",
    "condition": b".map(|.filter(|.exists(|matches(|size(|timestamp(|duration(|\\u|?:",
    "goal": b' each | unless | top | and then |@|\xe2\x82\xac| last quarter|"| not ',
    "models_answer": b'"$from"|"when"|"for_each"|"depends_on"|"steps"|"question"|"input"',
    "csv": b'Email|Close Date|Stage|Country|2026-13-45|"|\x00|\xef\xbb\xbf|1e999|=1+1',
    "json_records": b'"records"|"properties"|NaN|\\ud800|1e999|[[[[',
    "workbook": b'r="XFD1048576"|t="s"|t="d"|t="b"|t="e"|<v>1e400</v>|<!DOCTYPE|&a;|<f>|s="9"',
    "mapping": b'"kind"|"columns"|"units"|"contacts"|null|[]|{}',
    "markdown": b"---|# |```|\n\n|\x00|\xff",
    "html": b"<h2>|<![CDATA[|<!--|&#x0;|&#99999999;|<script>|<meta |charset=|<!",
    "suppression": b'"|@|\x00|\xef\xbb\xbf|+tag|\r',
    "mail": b"Content-Type: |charset=|base64|quoted-printable|boundary=|=?utf-8?b?|Return-Path: <>|message/rfc822"
    b'|Date: |In-Reply-To: |Auto-Submitted: |multipart/mixed|<|>|;|"',
    "reply": b"unsubscribe|back on|31.02.|next week|in 99999999 days|> |February 30",
    "mailbox_server": b"* |AAAA1 | OK| NO| BAD|{4}\r\n|[UIDVALIDITY |FETCH (|SEARCH|EXISTS|+ ",
    "mcp_frame": b'"isError":true|"resultType":"input_required"|"_meta"|"data"|"annotations"|\\ud800|1e999',
    "openapi": b'"$ref":|"#/|"security"|"in":"query"|"in":"header"|"oneOf"|"nullable":true|&a|*a',
    "note": b"\n\n|epoch |events |\xe2\x80\x94 |-1",
    "evidence": b'"blob":{"digest":"x"}|"path":["00"]|"position":-1|"whole":null|"until":|null|[]|1e9',
    "evidence_file": b"PK\x01\x02|PK\x03\x04",
    "body": b'\\ud83d|NaN|-Infinity|9007199254740992|[[[[[[[[|{"a":|\xef\xbb\xbf',
    "cursor": b"=|-|_|\xff",
    "desk": b'"follow"|"inbox"|"cancel"|"amend"|"params":|"by":',
    "tool_result": b'"token":|sk-canary-|0123456789|\\u0073|[[[[[[|123456789012345678901234567890',
}
