"""Programs that sign and post a file of calls, to copy: Python, PHP, Node, curl. Pure.

Each takes the name of a JSON file, needs nothing beyond the language and ends with an error unless
the calls were accepted. Tests run each of them against the endpoint.
"""

from __future__ import annotations

from dataclasses import dataclass, field

PYTHON = """\
# python3 send_calls.py calls.json
import base64, hashlib, hmac, sys, time, urllib.error, urllib.request, uuid

ADDRESS = "{address}"
SECRET, SOURCE = "{secret}", "{source}"

def signature(webhook_id, timestamp, body):
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()

def send(body, webhook_id, timestamp):
    request = urllib.request.Request(ADDRESS, data=body, headers={
        "Content-Type": "application/json",
        "X-CallKeeper-Source": SOURCE,
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature(webhook_id, timestamp, body),
    })
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read().decode()

with open(sys.argv[1], "rb") as calls:
    body = calls.read()
status, answer = send(body, f"msg_{uuid.uuid4().hex}", str(int(time.time())))
print(status, answer)
sys.exit(0 if status == 202 else 1)
"""
PHP = """\
<?php  // php send_calls.php calls.json
$address = '{address}';
$secret = '{secret}';
$source = '{source}';

$body = file_get_contents($argv[1]);
$id = 'msg_' . bin2hex(random_bytes(16));
$timestamp = (string) time();
$key = base64_decode(preg_replace('/^whsec_/', '', $secret));
$signature = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$timestamp.$body", $key, true));

$answer = file_get_contents($address, false, stream_context_create(['http' => [
    'method' => 'POST',
    'header' => implode("\\r\\n", [
        'Content-Type: application/json',
        "X-CallKeeper-Source: $source",
        "webhook-id: $id",
        "webhook-timestamp: $timestamp",
        "webhook-signature: $signature",
    ]),
    'content' => $body,
    'timeout' => 30,
    'ignore_errors' => true,
]]));
$status = $http_response_header[0] ?? 'no answer';
echo $status, PHP_EOL, $answer, PHP_EOL;
exit(preg_match('/^HTTP\\S+ 202/', $status) ? 0 : 1);
"""
NODE = """\
// node send_calls.mjs calls.json (18+)
import { createHmac, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";

const ADDRESS = "{address}";
const SECRET = "{secret}", SOURCE = "{source}";

const body = readFileSync(process.argv[2]);
const id = `msg_${randomUUID()}`, timestamp = String(Math.floor(Date.now() / 1000));
const key = Buffer.from(SECRET.replace(/^whsec_/, ""), "base64");
const signature = createHmac("sha256", key)
  .update(`${id}.${timestamp}.`).update(body).digest("base64");

const answer = await fetch(ADDRESS, {
  method: "POST",
  body,
  signal: AbortSignal.timeout(30_000),
  headers: {
    "Content-Type": "application/json",
    "X-CallKeeper-Source": SOURCE,
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": `v1,${signature}`,
  },
});
console.log(answer.status, await answer.text());
process.exitCode = answer.status === 202 ? 0 : 1;
"""
CURL = """\
# sh send_calls.sh calls.json
SECRET='{secret}'; SOURCE='{source}'
ID="msg_$(date +%s)_$$"; TIMESTAMP=$(date +%s)
KEY=$(printf %s "${SECRET#whsec_}" | base64 -d | od -An -v -tx1 | tr -d ' \\n')
SIGNATURE=$( (printf '%s.%s.' "$ID" "$TIMESTAMP"; cat "$1") |
  openssl dgst -sha256 -mac HMAC -macopt "hexkey:$KEY" -binary | base64)
curl --silent --show-error --fail-with-body --max-time 30 '{address}' \\
  -H 'Content-Type: application/json' \\
  -H "X-CallKeeper-Source: $SOURCE" \\
  -H "webhook-id: $ID" -H "webhook-timestamp: $TIMESTAMP" \\
  -H "webhook-signature: v1,$SIGNATURE" \\
  --data-binary "@$1"
"""
TEMPLATES = (
    ("Python", "send_calls.py", PYTHON),
    ("PHP", "send_calls.php", PHP),
    ("Node", "send_calls.mjs", NODE),
    ("curl", "send_calls.sh", CURL),
)


@dataclass(frozen=True)
class Sender:
    """A program in one language; ``file_name`` is the one that its first line runs."""

    language: str
    file_name: str
    #: It may have the secret, which no traceback shows.
    text: str = field(repr=False)


def senders(*, address: str, source_id: str = "src_…", secret: str = "whsec_…") -> list[Sender]:
    """Return the programs for this source. None of the values may have quotes or backslashes."""
    values = {"{address}": address, "{source}": source_id, "{secret}": secret}
    return [Sender(language, name, _filled(text, values)) for language, name, text in TEMPLATES]


def _filled(text: str, values: dict[str, str]) -> str:
    for place, value in values.items():
        text = text.replace(place, value)
    return text
