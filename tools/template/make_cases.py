#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write tests/golden/template/cases.jsonl: small templates with what Python's Jinja makes of them.

Run with Debian's Python and its python3-jinja2: /usr/bin/python3 tools/template/make_cases.py
A line is {"set", "variables"} or {"set", "template", "rendered" | "error" | "syntax_error"}, with
"octet" where octet answers with a message of its own.
"""
import json
import os
import sys

import jinja2
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from case_list import CASES, OCTET  # noqa: E402


class Generation(Extension):
    """{% generation %}: as Hugging Face's, a block whose text is its body's."""

    tags = {"generation"}

    def parse(self, parser):
        lineno = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        call = self.call_method("_body")
        return jinja2.nodes.CallBlock(call, [], [], body).set_lineno(lineno)

    def _body(self, caller):
        return caller()


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators,
                      sort_keys=sort_keys)


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def environment():
    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True,
        extensions=["jinja2.ext.loopcontrols", Generation])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    return env


def run(env, template, variables):
    try:
        compiled = env.from_string(template)
    except jinja2.TemplateSyntaxError as error:
        return {"syntax_error": str(error)}
    except SyntaxError as error:
        return {"syntax_error": str(error)}
    try:
        return {"rendered": compiled.render(**variables)}
    except jinja2.exceptions.TemplateError as error:
        name = type(error).__name__
        text = str(error)
        return {"error": text if name == "TemplateError" else f"{name}: {text}"}
    except Exception as error:  # whatever Python raises is the answer
        return {"error": f"{type(error).__name__}: {error}"}


def main():
    env = environment()
    sets = []
    for template, variables in CASES:
        if variables not in sets:
            sets.append(variables)
            print(json.dumps({"set": len(sets) - 1, "variables": variables}))
        line = {"set": sets.index(variables), "template": template}
        result = run(env, template, json.loads(json.dumps(variables)))
        if " at 0x" in result.get("rendered", "") + result.get("error", ""):
            raise SystemExit(f"{template}: the result holds an address")
        line.update(result)
        if template in OCTET:
            line["octet"] = OCTET[template]
        print(json.dumps(line))


main()
