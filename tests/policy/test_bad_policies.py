"""Every code has a case here, with its exact words and place."""

import pytest

from tests.policy.texts import END, calendar, compiled, found, rules, with_do, with_when

REASONS = (
    "rate_limit, quota, overloaded, server_error, context_exhausted, output_limit, "
    "request_too_large, auth, billing, model_not_found, refused, network, timeout, crash, "
    "user_exit, user_abort, completed, unknown"
)
EVENTS = "stopped, blocked, stalled, started, progress, action_failed, tick, operator"

YAML = {
    "an unclosed bracket": (
        "version: [1\n",
        ("Y001", 2, 1, "cannot read this as YAML: did not find expected ',' or ']'",
         "a bracket is not closed, or a comma is missing"),
    ),
    "an unclosed quote": (
        "version: 'x",
        ("Y001", 1, 12, "cannot read this as YAML: found unexpected end of stream",
         "a quote is not closed"),
    ),
    "a colon inside a text": (
        "version: 1: 2\n",
        ("Y001", 1, 11, "cannot read this as YAML: mapping values are not allowed in this context",
         "a text with ': ' inside needs quotes; or the indentation is wrong"),
    ),
    "an expression that begins with a quote": (
        "when: 'a' == b\n",
        ("Y001", 1, 11, "cannot read this as YAML: did not find expected key",
         "check the indentation; an expression that begins with a quote needs quotes around it"),
    ),
    "a text that begins with a sign": (
        "version: @1\n",
        ("Y001", 1, 10,
         "cannot read this as YAML: found character that cannot start any token",
         "a text cannot begin with '@': put it in quotes"),
    ),
    "bytes that are not UTF-8": (
        b"version: 1\nname: \xe9\n",
        ("Y002", 2, 7, "this is not UTF-8", "save the file as UTF-8"),
    ),
    "a control character": (
        "version: 1\nx: \x00\n",
        ("Y002", 2, 4, "the character U+0000 is not allowed", "remove it"),
    ),
    "half a surrogate": (
        "version: \ud800\n",
        ("Y002", 1, 10, "the character U+D800 is not allowed", "remove it"),
    ),
    "a huge file": (
        "#" * (256 * 1024 + 1),
        ("Y003", 1, 1, "the file has 256 KiB; 256 KiB are allowed", ""),
    ),
    "deep nesting": (
        "a: " + "[" * 30 + "]" * 30,
        ("Y003", 1, 27, "nested deeper than 24 lists and mappings", ""),
    ),
    "two documents": (
        "version: 1\n---\nversion: 1\n",
        ("Y008", 2, 1, "a second document begins here", "keep one policy per file; remove '---'"),
    ),
    "nothing": (
        "",
        ("Y009", 1, 1, "the file is empty",
         "the shortest policy has 'version: 1', 'rules: []' and 'default:'"),
    ),
    "only a comment": (
        "# later\n",
        ("Y009", 1, 1, "the file is empty",
         "the shortest policy has 'version: 1', 'rules: []' and 'default:'"),
    ),
    "a tab": (
        "version: 1\nrules:\n\t- id: one\n",
        ("Y010", 3, 1, "a tab cannot indent YAML", "indent with spaces"),
    ),
}  # fmt: skip

SHAPE = {
    "Y005 an anchor's cousin: a key twice": (
        rules("  - id: one\n    do: [finish]\n    do: [finish]\n"),
        ("Y005", 5, 5, "duplicate key 'do'", "remove one of them"),
    ),
    "Y006 an anchor": (
        with_do("&a [finish]"),
        ("Y006", 4, 9, "anchor '&a' is not allowed",
         "write it out, or give a condition a name with 'define:'"),
    ),
    "Y007 a tag": (
        with_do("!!python/object [finish]"),
        ("Y007", 4, 9, "tag 'tag:yaml.org,2002:python/object' is not allowed",
         "remove it; quotes make a text"),
    ),
    "Y011 a key that is a list": (
        "version: 1\nrules: []\n? [a]\n: 1\n" + END,
        ("Y011", 3, 3, "a key must be a plain word", ""),
    ),
    "S001 an unknown key": (
        rules("  - id: one\n    whn: work.done\n    do: [finish]\n"),
        ("S001", 4, 5, "unknown key 'whn'", "did you mean 'when'?"),
    ),
    "S001 an unknown action": (
        with_do("[{wiat: {until: reset}}]"),
        ("S001", 4, 11, "unknown action 'wiat'", "did you mean 'wait'?"),
    ),
    "S001 an unknown option, and the right one is not said to be missing": (
        with_do("[{notify: {massage: hi}}]"),
        ("S001", 4, 20, "unknown key 'massage'", "did you mean 'message'?"),
    ),
    "S002 an unknown event": (
        rules("  - id: one\n    event: stoped\n    do: [finish]\n"),
        ("S002", 4, 12, "'stoped' is not allowed here",
         f"did you mean 'stopped'? one of: {EVENTS}"),
    ),
    "S003 a spoken duration": (
        with_do("[{wait: {for: 5 minutes}}]"),
        ("S003", 4, 23, "'5 minutes' is not a duration", "did you mean '5m'?"),
    ),
    "S003 a bare number": (
        with_do("[{wait: {for: 5}}]"),
        ("S003", 4, 23, "'5' is not a duration", "a unit is missing: '5s' or '5m'?"),
    ),
    "S003 an eternity": (
        with_do("[{wait: {for: 999999999w}}]"),
        ("S003", 4, 23, "'999999999w' is longer than a hundred years", ""),
    ),
    "S004 a text for a list": (
        with_do("finish"),
        ("S004", 4, 9, "do must be a list, not a text", "write 'do: [finish]'"),
    ),
    "S004 several steps said in one text": (
        with_do("wait 5m, resume"),
        ("S004", 4, 9, "do must be a list, not a text", "write 'do: [wait: {for: 5m}, resume]'"),
    ),
    "S004 steps as a mapping": (
        with_do("{wait: 5m, notify: {message: hi}, resume: }"),
        ("S004", 4, 9, "do must be a list, not a mapping",
         "write 'do: [wait: {for: 5m}, notify: {message: hi}, resume]'"),
    ),
    "S004 a misspelt step for a list": (
        with_do("resum"),
        ("S004", 4, 9, "do must be a list, not a text",
         "did you mean 'resume'? as in do: [snapshot, attention]"),
    ),
    "S004 nothing that is an action for the list of a limit": (
        rules("  - id: one\n    do: [resume]\n    limit: {max: 1, per: 1h, then: true}\n"),
        ("S004", 5, 36, "then must be a list, not true or false",
         "as in then: [snapshot, attention]"),
    ),
    "S004 a yes where options are expected": (
        with_do("[resume: yes]"),
        ("S004", 4, 18, "the options of resume must be a mapping, not 'yes'",
         "write 'resume' alone"),
    ),
    "S004 a true where options are expected": (
        with_do("[resume: true]"),
        ("S004", 4, 18, "the options of resume must be a mapping, not 'true'",
         "write 'resume' alone"),
    ),
    "S004 a no where options are expected": (
        with_do("[compact: no]"),
        ("S004", 4, 19, "the options of compact must be a mapping, not 'no'",
         "a step that is not wanted is left out; otherwise write 'compact' alone"),
    ),
    "S004 a duration where options are expected, and no option is said to be missing": (
        with_do("[wait: 5 minutes]"),
        ("S004", 4, 16, "the options of wait must be a mapping, not '5 minutes'",
         "write 'wait: {for: 5m}'"),
    ),
    "S001 an action and its time in one text": (
        with_do("[wait 5m, resume]"),
        ("S001", 4, 10, "unknown action 'wait 5m'", "write 'wait: {for: 5m}'"),
    ),
    "S001 an action that is called like a function": (
        with_do("[resume()]"),
        ("S001", 4, 10, "unknown action 'resume()'", "write 'resume'"),
    ),
    "S002 a number where some words are known": (
        with_do("[wait: {until: 5, else: 5h}, resume]"),
        ("S002", 4, 24, "'5' is not allowed here",
         "one of: retry_after, reset, calendar_end"),
    ),
    "S004 a number for a text": (
        with_do("[{log: {message: 5}}]"),
        ("S004", 4, 26, "message must be a text, not a number", "put it in quotes"),
    ),
    "S004 a number for an event": (
        rules("  - id: one\n    event: 5\n    do: [finish]\n"),
        ("S004", 4, 12, "event must be a text or a list, not a number", ""),
    ),
    "S004 a whole policy that is a list": (
        "- version: 1\n",
        ("S004", 1, 1, "the file must be a mapping, not a list", ""),
    ),
    "S005 no default": (
        "version: 1\nrules: []\n",
        ("S005", 1, 1, "'default' is missing here",
         "say what happens when no rule is true: default: {do: [snapshot, attention]}"),
    ),
    "S005 no version": (
        "rules: []\n" + END,
        ("S005", 1, 1, "'version' is missing here", "begin the file with 'version: 1'"),
    ),
    "S006 an id twice": (
        rules("  - id: one\n    do: [finish]\n  - id: one\n    do: [finish]\n"),
        ("S006", 5, 9, "a second rule 'one'",
         "ids are unique: decisions are explained by them"),
    ),
    "S006 a reserved id": (
        rules("  - id: default\n    do: [finish]\n"),
        ("S006", 3, 9, "a rule cannot be called 'default'",
         "decisions that no rule made carry this name"),
    ),
    "S007 a step after the end": (
        with_do("[finish, resume]"),
        ("S007", 4, 18, "'resume' after 'finish' would never run", "put 'finish' last"),
    ),
    "S007 two ends": (
        with_do("[finish, attention]"),
        ("S007", 4, 18, "'attention' after 'finish': a plan ends once",
         "keep one of them, as the last step"),
    ),
    "S009 no steps": (
        with_do("[]"),
        ("S009", 4, 9, "do needs at least 1 entry", "say what to do, as in do: [attention]"),
    ),
    "S004 a limit that is a number": (
        rules("  - id: one\n    do: [resume]\n    limit: 5\n"),
        ("S004", 5, 12, "limit must be a mapping, not a number",
         "as in limit: {max: 5, per: 1h}"),
    ),
    "S004 a condition that is empty": (
        rules("  - id: one\n    when:\n    do: [resume]\n"),
        ("S004", 4, 10, "when must be a text or a list, not nothing",
         "write a condition; without 'when' the rule is always true"),
    ),
    "S004 a default that is a word": (
        "version: 1\nrules: []\ndefault: attention\n",
        ("S004", 3, 10, "default must be a mapping, not a text",
         "as in default: {do: [attention]}"),
    ),
    "S001 a misspelt end of a wait, told once": (
        with_do("[wait: {untl: retry_after, else: 5m}, resume]"),
        ("S001", 4, 17, "unknown key 'untl'", "did you mean 'until'?"),
    ),
    "S009 two actions in one step": (
        with_do("[{resume: {}, finish: {}}]"),
        ("S009", 4, 23, "a step is one action; here are several", "begin each with '- '"),
    ),
    "S009 a limit of nothing": (
        rules("  - id: one\n    do: [resume]\n    limit: {max: 0, per: 1h}\n"),
        ("S009", 5, 18, "max is at least 1", ""),
    ),
    "S010 a default that is not of its type": (
        "version: 1\nparams:\n  x: {type: money, default: 20}\nrules: []\n" + END,
        ("S010", 3, 29, "parameter 'x' is an amount of money, not '20'", "write it as $20"),
    ),
    "S011 an id with a capital": (
        rules("  - id: One\n    do: [finish]\n"),
        ("S011", 3, 9, "'One' is not a valid name",
         "The rule's name: small letters, digits and -."),
    ),
    "S012 a wait without an end": (
        with_do("[wait]"),
        ("S012", 4, 10, "wait needs one of for, until, backoff or for-condition",
         "as in wait: {for: 5m}"),
    ),
    "S012 a wait with two ends": (
        with_do("[{wait: {for: 5m, until: reset, else: 1h}}]"),
        ("S012", 4, 11, "wait has 'for' and 'until'",
         "keep one of for, until, backoff or for-condition"),
    ),
    "S012 until without else": (
        with_do("[{wait: {until: reset}}]"),
        ("S012", 4, 11, "'until' without 'else': the server may name no instant",
         "add 'else: 5h' or 'else: {backoff: {first: 15m, max: 1h}}'"),
    ),
    "S012 else without until": (
        with_do("[{wait: {for: 5m, else: 1h}}]"),
        ("S012", 4, 27, "'else' without 'until'",
         "'else' says how long when 'until' names no instant"),
    ),
    "S013 a version from the future": (
        "version: 2\nrules: []\n" + END,
        ("S013", 1, 10, "version 2 is not supported", "write 'version: 1'"),
    ),
    "S013 a version in quotes": (
        "version: '1'\nrules: []\n" + END,
        ("S013", 1, 10, "version is a number, and '1' is a text",
         "write 'version: 1', without quotes"),
    ),
    "S014 a wait of weeks": (
        with_do("[{wait: {for: 2w}}]"),
        ("S014", 4, 23, "a wait of 14d is longer than 8d", "write 8d; then it is tried again"),
    ),
    "S014 a window of a moment": (
        rules("  - id: one\n    do: [resume]\n    limit: {max: 1, per: 5ms}\n"),
        ("S014", 5, 26, "a window is between 1s and 30d", ""),
    ),
    "S014 a ladder without a first rung": (
        with_do("[{wait: {backoff: {first: 0s, max: 1h}}}]"),
        ("S014", 4, 35, "a ladder cannot begin with 0s", "1s is the shortest"),
    ),
    "L116 a new session without a snapshot": (
        with_do("[new-session]"),
        ("L116", 4, 10, "new-session without an earlier snapshot",
         "one is made anyway; write '- snapshot' before it to say so"),
    ),
    "Y004 a byte order mark": (
        "\ufeff" + with_do("[finish]"),
        ("Y004", 1, 1, "the file begins with a byte order mark",
         "save the file as UTF-8 without a byte order mark"),
    ),
    "E014 a parameter that was set but does not exist is told below": (
        with_when("session.cost > params.cap"),
        ("E014", 4, 26, "unknown parameter 'cap'", "declare it under 'params:'"),
    ),
    "E015 a circle of definitions": (
        "version: 1\ndefine:\n  a: b\n  b: a\nrules: []\n" + END,
        ("E015", 4, 3, "'b' is defined by itself: a → b → a", "write one of them out"),
    ),
    "E015 a definition named like a function": (
        "version: 1\ndefine:\n  count: work.done\nrules: []\n" + END,
        ("E015", 3, 3, "'count' has a meaning already", "choose another name"),
    ),
    "E019 a placeholder for nothing": (
        with_do('[{log: {message: "hi ${stop.resaon}"}}]'),
        ("E019", 4, 30, "unknown fact 'stop.resaon' in a message", "did you mean 'stop.reason'?"),
    ),
    "E019 a placeholder that is not closed": (
        with_do('[{log: {message: "hi ${stop.reason"}}]'),
        ("E019", 4, 30, "a placeholder that is not closed",
         "close it with '}', or write $${ for the characters ${"),
    ),
    "E019 a placeholder for an unknown parameter": (
        with_do('[{log: {message: "${params.x}"}}]'),
        ("E019", 4, 27, "unknown parameter 'x' in a message", "declare it under 'params:'"),
    ),
    "S002 an unknown mode": (
        rules("  - id: one\n    mode: shadwo\n    do: [finish]\n"),
        ("S002", 4, 11, "'shadwo' is not allowed here",
         "did you mean 'shadow'? one of: enforce, shadow, off"),
    ),
    "S001 an unknown limit": (
        "version: 1\nlimits: {action: {max: 1, per: 1h}}\nrules: []\n" + END,
        ("S001", 2, 10, "unknown key 'action'", "did you mean 'actions'?"),
    ),
    "S005 a rule that does nothing": (
        rules("  - id: one\n    when: work.done\n"),
        ("S005", 3, 5, "'do' is missing here", "say what to do: do: [notify: {message: …}]"),
    ),
    "S006 two statements of one name": (
        "version: 1\nnever:\n  - {id: x, do: resume}\n  - {id: x, do: restart}\nrules: []\n" + END,
        ("S006", 4, 10, "a second statement 'x'", "give it another 'id:'"),
    ),
    "S011 a time of day that does not exist": (
        calendar("{from: '22:30', to: '24:00'}"),
        ("S011", 2, 40, "'24:00' is not a time of day",
         'A time of day in quotes, such as "22:30".'),
    ),
    "S012 a window without time": (
        calendar("{from: '22:30', to: '22:30'}"),
        ("S012", 2, 40, "the window begins when it ends",
         "it ends a day later; write two days, or leave the calendar out"),
    ),
    "S012 for in a rule that goes on": (
        rules("  - id: one\n    continue: true\n    for: 5m\n    do: [snapshot]\n"),
        ("S012", 5, 5, "'for' in a rule with 'continue: true': it observes at once",
         "leave one of them out"),
    ),
    "S012 a calendar for another wait": (
        calendar("{from: '22:30', to: '07:00'}", "wait: {for: 5m, calendar: night}"),
        ("S012", 5, 26, "'calendar' without 'until: calendar_end'",
         "add the one or remove the other"),
    ),
    "S014 a question that waits for weeks": (
        with_do("[{ask: {question: Go on?, timeout: 2w}}]"),
        ("S014", 4, 44, "waiting for an answer for 14d is longer than 8d", "write 8d at most"),
    ),
    "S015 a rule that goes on and acts": (
        rules("  - id: one\n    continue: true\n    do: [snapshot, resume]\n"),
        ("S015", 5, 20, "'resume' here: a rule with 'continue: true' only observes",
         "allowed are notify, snapshot, log and run"),
    ),
    "S015 a limit of all rules that acts": (
        "version: 1\nlimits: {actions: {max: 1, per: 1h, then: [resume]}}\nrules: []\n" + END,
        ("S015", 2, 44, ("'resume' here: when a limit of all rules is reached, nothing more is "
         "done to an agent"),
         "allowed are notify, snapshot, log, run, and one of stand-down, finish, attention"),
    ),
    "S016 a zone that does not exist": (
        "version: 1\ntime-zone: Europe/Berln\nrules: []\n" + END,
        ("S016", 2, 12, "unknown time zone 'Europe/Berln'", "did you mean 'Europe/Berlin'?"),
    ),
    "S017 a folder without a beginning": (
        rules("  - id: one\n    match: {project: work}\n    do: [finish]\n"),
        ("S017", 4, 22, "'work' is not the path of a folder",
         "begin it with / or ~/, as in ~/work/*"),
    ),
    "S018 a preset without a version": (
        "version: 1\nextends: [builtin:recommended]\n",
        ("S018", 2, 11, "'builtin:recommended' is not pinned to a version",
         "as in builtin:recommended@1"),
    ),
    "S018 a preset that does not exist": (
        "version: 1\nextends: [builtin:recomended@1]\nrules: []\n" + END,
        ("S018", 2, 11, "cannot read 'builtin:recomended@1': no such file or directory",
         "did you mean 'builtin:recommended@1'?"),
    ),
    "S018 something from elsewhere": (
        "version: 1\nextends: ['https://example.org/a.yaml']\n",
        ("S018", 2, 11, "'https://example.org/a.yaml' is not on this machine",
         "nothing is fetched: put the file beside this one"),
    ),
    "S019 an inherited id": (
        "version: 1\nextends: [builtin:recommended@1]\nrules:\n  - {id: crash, do: [attention]}\n",
        ("S019", 4, 10, "a rule 'crash' is inherited",
         "add 'override: merge' (or replace, or off), or choose another id"),
    ),
    "S019 an id that is not inherited": (
        ("version: 1\nextends: [builtin:recommended@1]\n"
        "rules:\n  - {id: crahs, override: merge, do: [attention]}\n"),
        ("S019", 4, 10, "no rule 'crahs' is inherited", "did you mean 'crash'?"),
    ),
    "S019 a rule that is left out and does something": (
        ("version: 1\nextends: [builtin:recommended@1]\n"
        "rules:\n  - {id: crash, override: off, do: [attention]}\n"),
        ("S019", 4, 32, "'do' in a rule that is left out", "remove it, or write 'override: merge'"),
    ),
    "E009 an unknown fact that a wait waits for": (
        with_do("[{wait: {for-condition: host.netwrk}}]"),
        ("E009", 4, 33, "unknown fact 'host.netwrk'", "did you mean 'host.network'?"),
    ),
    "E020 quiet hours without a calendar": (
        with_do("[{notify: {message: hi, quiet: hold}}]"),
        ("E020", 4, 40, "there is no calendar", "declare one under 'calendars:'"),
    ),
    "E020 quiet hours of an unknown calendar": (
        calendar("{from: '22:30', to: '07:00'}",
                 "notify: {message: hi, quiet: {calendar: nihgt, do: drop}}"),
        ("E020", 5, 50, "unknown calendar 'nihgt'", "did you mean 'night'?"),
    ),
    "E020 quiet hours and two calendars": (
        "version: 1\ncalendars:\n  a: {from: '01:00', to: '02:00'}\n  b: {from: '01:00', to: "
        "'02:00'}\nrules: [{id: x, do: [notify: {message: hi, quiet: hold}]}]\n" + END,
        ("E020", 5, 51, "it is not said which calendar is meant", "name one of: a, b"),
    ),
    "L131 a channel that is not configured": (
        with_do("[{notify: {message: hi, channels: [discord]}}]"),
        ("L131", 4, 44, "no channel 'discord' is configured", "there are: ntfy, webhook"),
    ),
    "L131 a hook that is not configured": (
        with_do("[{run: {hook: bakcup}}]"),
        ("L131", 4, 23, "no hook 'bakcup' is configured", "did you mean 'backup'?"),
    ),
}  # fmt: skip

EXPRESSIONS = {
    "work.done and " * 60 + "work.done": (
        "E001", 11, "the expression has 849 characters; 600 are allowed",
        "give parts of it a name with 'define:', or write a second rule"),
    "not " * 125 + "work.done": (
        "E001", 11, "the expression has 127 parts; 120 are allowed",
        "give parts of it a name with 'define:', or write a second rule"),
    "stop.reason = 'crash'": (
        "E002", 23, "'=' is not an operator here", "use '==' to compare"),
    "stop.retry_after =< 5m": ("E002", 28, "'=<' is not an operator here", "use '<='"),
    "5m => stop.retry_after": ("E002", 14, "'=>' is not an operator here", "use '>='"),
    "work.done && agent.up": ("E002", 21, "'&&' is not an operator here", "use 'and'"),
    "work.done AND agent.up": ("E002", 21, "'AND' is not an operator here", "use 'and'"),
    "stop.reason is 'crash'": ("E002", 11, "'is' is not an operator here", "use '=='"),
    "stop.reason == 'crash": (
        "E003", 26, "cannot parse the expression: unterminated string literal",
        "close the quote"),
    "stop.reason == 'crash # now'": (
        "E003", 26, "cannot parse the expression: unterminated string literal",
        "a ' #' starts a comment in YAML: quote the whole expression"),
    "(work.done": ("E003", 11, "cannot parse the expression: the brackets do not match", ""),
    "work.done and": (
        "E003", 21, "cannot parse the expression: something is missing at the end", ""),
    "work.done agent.up": (
        "E003", 21, "cannot parse the expression: something is missing or misplaced here",
        "put 'and' or 'or' between conditions"),
    "work.done ; agent.up": (
        "E003", 21, "cannot parse the expression: something is missing or misplaced here",
        "put 'and' or 'or' between conditions"),
    "stop.retry-after > 5m": (
        "E004", 11, "arithmetic is not allowed here", "did you mean 'stop.retry_after'?"),
    "1 < stop.attempt < 3": (
        "E004", 11, "a chain of comparisons is not allowed", "join two with 'and'"),
    "stop.model == null": (
        "E004", 25, "'null' is not allowed here", "use known(fact) or not known(fact)"),
    "session.cost": (
        "E005", 11, "session.cost is an amount of money, not a condition",
        "compare it, as in session.cost > $20"),
    "session.age > session.cost": (
        "E006", 11, "session.age is a duration; session.cost is an amount of money", ""),
    "stop.reason in 'crash'": (
        "E006", 26, "'in' needs a list of values", "write ('a', 'b'); for a single one use '=='"),
    "stop.model > 'a'": (
        "E007", 11, "stop.model is a text; '>' cannot order it", "use '==', '!=' or 'in'"),
    "cuont(crash, 15m) > 3": ("E008", 11, "unknown function 'cuont'", "did you mean 'count'?"),
    "within('quiet')": (
        "E020", 18, "unknown calendar 'quiet'", "declare it under 'calendars:'"),
    "within(quiet)": (
        "E011", 18, "within() needs a calendar's name in quotes", "as in within('quiet')"),
    "within()": ("E011", 11, "within() takes 1 argument(s)", "as in within('quiet')"),
    "stop.resaon == 'crash'": (
        "E009", 11, "unknown fact 'stop.resaon'", "did you mean 'stop.reason'?"),
    "stop.reason == crash": (
        "E009", 26, "unknown fact 'crash'", "a stop reason is a text: stop.reason == 'crash'"),
    "stop.reason == 'ratelimit'": (
        "E010", 26, "'ratelimit' is not a value of stop.reason", "did you mean 'rate_limit'?"),
    "stop.reason == 'x'": (
        "E010", 26, "'x' is not a value of stop.reason", f"one of: {REASONS}"),
    "known()": ("E011", 11, "known() takes 1 argument(s)", "as in known(stop.retry_after)"),
    "known('a')": ("E011", 17, "known() needs a fact", "as in known(stop.retry_after)"),
    "count(crash, 90d) > 1": (
        "E011", 24, "the window of count() is between 1s and 30d", "as in count(crash, 15m)"),
    "contains(session.cost, 'a')": (
        "E011", 20, "contains() looks into a text", "as in contains(stop.message, 'weekly')"),
    "count(crsh, 15m) > 1": (
        "E012", 17, "count() needs an event or stop reason, 'crsh' is neither",
        "did you mean 'crash'?"),
    "matches(stop.message, '(a')": (
        "E013", 33, "cannot use this pattern: '(' has no ')'", ""),
    "session.context_used > 80": (
        "E016", 34, "session.context_used is a ratio; '80' has no unit", "did you mean 80%?"),
    "progress.age > 10": (
        "E016", 26, "progress.age is a duration; '10' has no unit", "did you mean 10s or 10m?"),
    "session.cost > 20": (
        "E016", 26, "session.cost is an amount of money; '20' has no unit", "did you mean $20?"),
    "progress.age > 5min": (
        "E017", 26, "'5min' is not a number or a duration", "did you mean '5m'?"),
    "stop.model == 'a\\d'": (
        "E017", 27, "'\\d' is not a known escape", "write a backslash as \\\\"),
    "contains(block.text, 'a')": (
        "E018", 20, "'block.text' can only be shown in a message", ""),
}  # fmt: skip


@pytest.mark.parametrize("case", YAML)
def test_text_that_is_no_yaml_is_refused_with_the_place(case: str) -> None:
    text, expected = YAML[case]

    assert found(text) == [expected]


@pytest.mark.parametrize("case", SHAPE)
def test_a_policy_of_the_wrong_shape_is_refused_with_place_and_way_out(case: str) -> None:
    text, expected = SHAPE[case]

    assert found(text) == [expected]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_mistake_in_an_expression_is_told_with_its_column(expression: str) -> None:
    code, column, message, advice = EXPRESSIONS[expression]

    assert found(with_when(expression)) == [(code, 4, column, message, advice)]


def test_a_warning_does_not_refuse_a_policy() -> None:
    result = compiled(with_do("[new-session]"))

    assert result.policy is not None
    assert [one.severity.value for one in result.diagnostics] == ["warning"]


def test_all_mistakes_are_told_in_one_run_even_within_one_expression() -> None:
    text = with_when("stop.resaon == 'x' and session.cost > 5 or wrok.done and cuont(a, 1h) > 2")

    assert [(code, col) for code, _, col, _, _ in found(text)] == [
        ("E009", 11), ("E016", 49), ("E009", 54), ("E008", 68),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("expression", "codes"),
    [
        (
            "stop.resaon == 'x' and (session.cost > 5 or cuont(a, 1h) > 2",
            ["E009", "E003", "E016", "E008"],
        ),
        ("stop.reason == 'ratelimit' and § work.dne", ["E010", "E003", "E009"]),
        ("cuont(crash 15m) and params.x", ["E008", "E003", "E014"]),
        ("stop.reason = 'crash' and wrok.done work.dnoe", ["E002", "E009", "E009"]),
        ("(stop.reason = 'crash' and wrok.done", ["E002", "E003", "E009"]),
        ("1 < stop.atempt < 3", ["E004", "E009"]),
        ("oops(wrok.done)", ["E008", "E009"]),
    ],
)
def test_an_expression_that_cannot_be_parsed_is_read_in_pieces(
    expression: str, codes: list[str]
) -> None:
    text = with_when('"' + expression + '"')

    assert sorted(code for code, *_ in found(text)) == sorted(codes)


def test_a_duplicate_key_points_to_both_places() -> None:
    (one,) = compiled(rules("  - id: one\n    do: [finish]\n    do: [resume]\n")).diagnostics

    assert (one.line, one.col) == (5, 5)
    assert [(other.message, other.line, other.col) for other in one.related] == [
        ("first defined here", 4, 5)
    ]


@pytest.mark.parametrize(
    ("block", "line", "col"),
    [
        ("stop.reason == 'crash' and\n      wrok.done", 5, 7),
        (">\n      stop.reason == 'crash' and\n      wrok.done\n", 6, 7),
        ("|-\n      wrok.done\n", 5, 7),
        ("\"stop.model == 'a' and wrok.done\"", 4, 34),
        ('"stop.model == \\"a\\" and wrok.done"', 4, 36),
        ("'stop.model == ''a'' and wrok.done'", 4, 36),
    ],
)
def test_the_place_is_right_however_the_text_is_quoted_or_folded(
    block: str, line: int, col: int
) -> None:
    assert [one[:3] for one in found(with_when(block))] == [("E009", line, col)]


def test_setting_a_parameter_that_does_not_exist_is_told() -> None:
    text = "version: 1\nparams: {cap: {type: money, default: $5}}\nrules: []\n" + END

    assert found(text, cup="$7") == [
        ("E014", 2, 9, "unknown parameter 'cup' was set from outside", "did you mean 'cap'?")
    ]
    assert found(text, cap="7") == [
        ("S010", 2, 10, "set from outside: parameter 'cap' is an amount of money, not '7'",
         "write it as $20")
    ]  # fmt: skip
