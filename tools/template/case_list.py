# SPDX-License-Identifier: Apache-2.0
"""The templates of make_cases.py, by topic: (template, variables)."""

M = {"messages": [{"role": "system", "content": "Be brief."},
                  {"role": "user", "content": "Hi é 世界 🎉"},
                  {"role": "assistant", "content": None, "tool_calls": [
                      {"function": {"name": "f", "arguments": {"a": 1, "b": [1.5, None, True]}}}]},
                  {"role": "tool", "content": "{\"x\": 1}"}]}
D = {"d": {"b": 2, "a": 1, "C": 3, "items": "mine", "x-y": "dash"}, "l": [3, 1, 2], "e": [],
     "s": "Hello, World", "u": "grüße ΣΑΣ ß ŉ ǆ İ", "n": None, "t": True, "f": False, "i": 7,
     "r": 2.5, "big": 123456789012345678901234567890, "neg": -7,
     "people": [{"name": "Bob", "age": 30, "tags": ["x"]}, {"name": "alice", "age": 25},
                {"name": "Carl", "age": 30, "tags": []}]}

CASES = []

# Where octet does not follow Python on purpose: template -> the end of its message.
OCTET = {
    "{{ '{:2.f}'.format(2.5) }}": "ValueError: octet does not support the format field '{2.f}'",
    "{{ 1 is divisibleby }}": "TypeError: the test 'divisibleby' takes 1 argument, 0 given",
    "{{ raise_exception('é\\nx') }}": "é\\x0ax",
}


def add(variables, *templates):
    CASES.extend((template, variables) for template in templates)


def show(variables, *expressions):
    CASES.extend(("{{ " + expression + " }}", variables) for expression in expressions)


# Printing and literals.
show(D, "n", "t", "f", "i", "r", "big", "s", "u", "l", "d", "missing", "1", "-1", "+1", "007",
     "1_000", "0x1F", "0b101", "0o17", "1.0", "1e3", "1.5e-7", "1e22", "1e16", "123456789.125",
     "0.1", "1e-5", "0.0001", "-0.0", "1e400", "-1e400", "'a' 'b' \"c\"", "'it\\'s'", "\"q\\\"q\"",
     "'\\n\\t\\x41\\u00e9\\U0001F600\\101\\q\\\\'", "'a\\\nb'", "[]", "()", "{}", "(1,)", "1, 2",
     "[1, 'a', None, True, 2.0]", "{'a': 1, 'b': [2], 3: None}", "{1: 'x', true: 'y', 1.0: 'z'}",
     "(1, 'b')", "['\\'']", "['\\'\"']", "['\"']", "['\\n\\r\\t\\\\']", "['\\x00\\x7f\\x85\\xa0\\xad']",
     "['é世🎉\\u200b\\u2028\\ue000']", "[missing]", "true", "True", "none", "None", "false",
     "99999999999999999999", "-99999999999999999999", "[99999999999999999999]", "{'k': missing}",
     "range(3)", "range(1, 10, 3)", "range(3)|list", "range(10, 0, -4)|list", "[range(2)]",
     "dict(a=1, b='x')", "dict([('a', 1), ('b', 2)])", "dict({'a': 1}, b=2)", "namespace(a=1)",
     "namespace(a=1).a", "namespace(a=1).b", "namespace(a=1)['a']", "namespace().x.y")
# Arithmetic.
show(D, "1 + 2", "7 // 2", "-7 // 2", "7 // -2", "-7 % 3", "7 % -3", "7 / 2", "6 / 2", "2 ** 10",
     "2 ** -1", "2 ** 3 ** 2", "-2 ** 2", "2.5 + 1", "7.5 // 2", "-7.5 // 2", "7.5 % 2", "-7.5 % 2",
     "7.5 % -2", "1.0 * 3", "1 - 2 - 3", "2 * 3 + 4 * 5", "(2 + 3) * 4", "t + t", "t * 5", "not t",
     "not not 1", "-t", "+f", "1 / 3", "2 / 3", "10 / 5", "1e308 * 10", "1 // 0.5", "0.1 + 0.2",
     "100 * 1.1", "3 % 2.5", "9007199254740993 / 3", "9223372036854775807 + 0", "1 / 0", "1 // 0",
     "1 % 0", "1.0 / 0", "1.0 // 0", "1.0 % 0", "0 ** -1", "0.0 ** -1", "10.0 ** 400", "s + 1", "1 + s", "s + n",
     "n + s", "l + n", "l + s", "l + (1,)", "(1,) + l", "d + d", "n + 1", "1 + n", "s - s", "n - 1",
     "l - l", "s * s", "s * 2.0", "n * 2", "n * s", "2 * s", "s * 0", "s * -1", "l * 2", "3 * [0]",
     "(1, 2) * 2", "d * 2", "s / 2", "n / 2", "s // 2", "n // n", "n ** 2", "s ** 2", "-s", "+n", "-l",
     "'ab' + 'cd'", "l + [4]", "(1,) + (2,)", "missing + 1", "1 + missing", "s + missing",
     "missing * 2", "-missing", "missing - 1", "l + missing", "d.nope + 's'", "l[9] + 1",
     "1 ~ 2 ~ n ~ t ~ missing ~ l", "'a' ~ 1.0", "s ~ u", "1 + 2 ~ 3", "1 ~ 2 + 3", "5 - 2 ~ 'x'")
# Comparison and logic.
show(D, "1 == 1.0", "1 == true", "0 == false", "1 == '1'", "s == 'Hello, World'", "n == none",
     "l == [3, 1, 2]", "l == (3, 1, 2)", "(1, 2) == (1, 2.0)", "d == {'a': 1}", "{} == {}",
     "missing == missing2", "missing == none", "missing != 1", "1 < 2", "1 < 2 < 3", "1 < 3 < 2",
     "1 < 2 == 2", "3 > 2 >= 2", "'a' < 'b'", "'a' < 'B'", "'é' > 'z'", "[1, 2] < [1, 3]",
     "(1,) < (1, 0)", "1 < 'a'", "'a' < 1", "n < 1", "[1] < ['a']", "d < d", "missing < 1",
     "1 < missing", "1 < 1.5", "2 > 1.5", "t > 0", "big > 1", "big > 1.0", "big == big", "1 < big",
     "9007199254740993 == 9007199254740992.0", "1 in l", "9 in l", "9 not in l", "'ell' in s",
     "'' in s", "'x' not in s", "'a' in d", "'z' in d", "1 in d", "n in [none]", "1 in 5", "'a' in n",
     "1 in 'abc'", "n in s", "missing in l", "missing in s", "1 in missing", "1 in range(3)",
     "[1] in [[1]]", "l in d", "t and s", "f and s", "t or s", "f or s", "e or 'empty'", "n or 0",
     "0 or n", "not n and t", "t and not f", "f or not t", "1 if t", "1 if f", "1 if t else 2",
     "1 if f else 2", "1 if f else 2 if f else 3", "(1 if f) is defined", "(1 if f).x",
     "1 if missing else 'no'", "'yes' if e else 'no'", "true and 1 == 1", "not 1 == 2",
     "not 'a' in d", "1 + 1 == 2 and 'x' in 'xyz'", "s is string and s | length > 3")
# Attributes, items, slices.
show(D, "d.a", "d['a']", "d.b + d['b']", "d['x-y']", "d.items()|length", "d['items']", "d.nope", "d['nope']",
     "d.nope.deeper", "d['nope']['deeper']", "d.nope is defined", "l[0]", "l[-1]", "l[9]", "l[-9]",
     "l.0", "l['x']", "l.x", "l[1.0]", "l[t]", "s[0]", "s[-1]", "s[100]", "u[0]", "u[2]", "u[-1]",
     "n.x", "n['x']", "n[0]", "i.x", "i[0]", "t.x", "missing.x", "missing['x']", "missing[0]",
     "d[l]", "d[(1, 2)]", "d[1]", "(1, 2)[0]", "(1, 2)[5]", "people[0].name",
     "people[1]['age']", "people[1].tags", "people[0].tags[0]", "l[:]", "l[1:]", "l[:2]", "l[:-1]",
     "l[::-1]", "l[::2]", "l[-2:]", "l[5:]", "l[2:0:-1]", "l[:0:-1]", "l[10:0:-1]", "l[::0]",
     "l['a':]", "s[1:4]", "s[:5]", "s[-5:]", "s[::-1]", "s[::3]", "u[::-1]", "u[1:3]", "u[-3:]",
     "s[7:5]", "(1, 2, 3)[1:]", "range(10)[2:5]", "range(10)[::-3]|list", "range(10)[3]",
     "n[1:]", "d[1:]", "i[1:]", "missing[1:]", "d.__class__", "d.__class__.x", "s.__class__.__mro__",
     "l.append", "l.append(1)", "d.update({})", "d.pop('a')", "d.clear()", "l.sort()", "l.insert(0, 1)",
     "messages[0]['role']", "''[0]", "''[0:1]", "'abc'[1:100]", "'abc'[-100:2]")
show(M, "messages[1].content[-1]", "messages[1].content[3:5]", "messages[::-1][0].role",
     "messages[1:][0].role", "messages[-1].content", "messages | length", "messages[0].content.x",
     "messages[2].tool_calls[0].function.arguments", "messages[2].content", "messages[2].content + 'x'",
     "messages[9].role", "messages[2].nope", "messages.role", "messages[2].content.strip()")
# Methods of str.
show(D, "s.upper()", "s.lower()", "u.upper()", "u.lower()", "u.title()", "u.capitalize()",
     "u.swapcase()", "s.title()", "'they\\'re bill\\'s'.title()", "'ΑΣ'.lower()", "'ΑΣ Α'.lower()",
     "'Σ'.lower()", "'ΑΣ\\'Α'.lower()", "'ǆx'.title()", "'ŉ'.title()", "'ﬁx'.upper()",
     "'  a b '.strip()", "'  a b '.lstrip()", "'  a b '.rstrip()", "'xxaxx'.strip('x')",
     "'xyaxy'.strip('yx')", "'abc'.strip('')", "'\\u00a0\\u2003a\\x1f'.strip()", "'a\\u200b'.strip()",
     "'abc'.strip(1)", "'\\n\\na\\n'.strip('\\n')", "'a,b,,c'.split(',')", "'a,b,,c'.split(',', 1)",
     "'a,b,,c'.rsplit(',', 1)", "'a,b'.split(',', maxsplit=0)", "' a  b c '.split()",
     "' a  b c '.split(none, 1)", "' a  b c '.rsplit(none, 1)", "''.split()", "''.split(',')",
     "'   '.split()", "'abc'.split('')", "'abc'.split(1)", "'a<b<c'.split('<')[-1]", "'aXbXc'.rsplit('X')",
     "'a\\nb\\r\\nc\\n'.splitlines()", "'a\\nb\\n'.splitlines(true)", "'a\\x0bb\\u2028c'.splitlines()",
     "''.splitlines()", "'\\n'.splitlines()", "s.startswith('Hell')", "s.startswith('ell')",
     "s.startswith('ell', 1)", "s.startswith(('x', 'H'))", "s.endswith('ld')", "s.endswith(('a', 'd'))",
     "s.endswith('lo', 0, 5)", "s.startswith(1)", "s.startswith(['H'])", "s.startswith('')",
     "s.startswith('', 99)", "s.replace('l', 'L')", "s.replace('l', 'L', 1)", "s.replace('', '-')",
     "s.replace('o', '')", "'aaa'.replace('aa', 'b')", "'ab'.replace('', '-', 2)", "s.replace(1, 2)",
     "s.find('o')", "s.find('o', 5)", "s.find('zz')", "s.rfind('o')", "u.find('Σ')", "u.rfind('Σ')",
     "s.index('W')", "s.index('zz')", "s.count('l')", "s.count('')", "s.count('l', 4)", "'aaaa'.count('aa')",
     "', '.join(['a', 'b'])", "''.join([])", "'-'.join('abc')", "'-'.join([1])", "'-'.join(1)",
     "'-'.join(d)", "'12'.isdigit()", "'1²'.isdigit()", "'²'.isdecimal()", "'½'.isnumeric()",
     "''.isdigit()", "'ab'.isalpha()", "'aé世'.isalpha()", "'a1'.isalnum()", "' \\n'.isspace()",
     "'AB'.isupper()", "'A1'.isupper()", "'1'.isupper()", "'ab'.islower()", "'aB'.islower()",
     "'ǅ'.isupper()", "'abc'.isascii()", "'é'.isascii()", "'a\\n'.isprintable()", "'7'.zfill(3)",
     "'-7'.zfill(4)", "'ab'.ljust(5)", "'ab'.rjust(5, '.')", "'ab'.center(7, '*')", "'abc'.center(6)",
     "'ab'.center(5)", "'ab'.ljust(5, 'xx')", "'k=v=w'.partition('=')", "'k=v=w'.rpartition('=')",
     "'kv'.partition('=')", "'kv'.rpartition('=')", "'prefix-x'.removeprefix('prefix-')",
     "'x.gguf'.removesuffix('.gguf')", "'x'.removesuffix('y')", "'{} and {}'.format(1, 'b')",
     "'{0} {1} {0}'.format('a', 'b')", "'{x} {{}}'.format(x=5)", "'{!r}'.format('q')",
     "'{:>5}|{:<5}|{:^5}'.format('a', 'b', 'c')", "'{:05d}'.format(42)", "'{:,}'.format(1234567)",
     "'{:.2f}'.format(3.14159)", "'{:x}'.format(255)", "'{} {}'.format(1)", "'{'.format()",
     "s.nope()", "s.nope", "i.upper()", "n.strip()", "l.strip()", "d.strip()", "missing.strip()")
# Methods of list and dict.
show(D, "d.keys()", "d.values()", "d.items()", "d.keys()|list", "d.items()|list", "d.get('a')",
     "d.get('z')", "d.get('z', 9)", "d.get(l)", "d.copy()", "l.index(1)", "l.index(9)", "l.count(3)", "l.copy()",
     "(1, 2).index(2)", "(1, 2).index(3)", "(1, 1).count(1)", "d.items()|length", "d.keys()[0]", "d.keys()|first",
     "'a' in d.keys()", "l.index(3, 1)", "{}.items()|list", "d.values()|sum", "{'a': 1}.get('a', default=2)")
# Filters of text.
show(D, "s|upper", "s|lower", "u|upper", "u|capitalize", "n|upper", "missing|upper", "12|upper", "l|upper", "s|title",
     "'a-b (c) [d] {e} <f> g\\'h'|title", "'ÉCOLE straße'|title", "'  x '|trim", "'xxaxx'|trim('x')", "n|trim",
     "missing|trim", "12|trim", "'ab'|replace('a', 'x')", "'aaa'|replace('a', 'b', 2)", "12|replace(1, 'x')",
     "n|replace('N', 'M')", "'ab'|replace('a')", "'a\\nb\\n\\nc'|indent", "'a\\nb'|indent(2, true)",
     "'a\\n\\nb'|indent(2, blank=true)", "'a\\nb'|indent('> ')", "'a\\nb'|indent(width=2, first=true)", "''|indent",
     "12|indent", "missing|indent", "'ab'|center(6)", "'<a&\"\\'>'|e", "'<a>'|escape", "'<a>'|safe", "n|e", "l|e",
     "('<a>'|e) + '<b>'", "'<b>' + ('<a>'|e)", "('<a>'|e) ~ '<b>'", "('<a>'|e)|e", "('<a>'|e)|forceescape",
     "('<a>'|safe) + '<b>'", "['<a>'|safe]", "('<a>'|safe).upper()", "('a'|safe) is escaped", "'a' is escaped",
     "('a'|safe) == 'a'", "('a b'|safe).split(' ')", "('<a>'|safe)|upper + '<'", "('a'|safe) * 2", "('ab'|safe)[0] + '<'",
     "n|string", "1.0|string", "l|string", "missing|string", "n|default('x')", "missing|default('x')", "missing|d",
     "n|default('x', true)", "''|default('x', boolean=true)", "0|d(5)", "d.nope|default([])", "d.nope.x|default(1)",
     "'a b  c'|wordcount", "'é-x_y'|wordcount", "'%s is %d'|format('x', 3)", "'%(a)s'|format(a=1)", "'%s'|format",
     "'hello world foo bar'|truncate(12)", "'hello world foo bar'|truncate(12, true)", "'hello world'|truncate(8, leeway=0)",
     "'hello world foo bar'|truncate(12, false, '…')", "'short'|truncate(3)", "s|nope")
# Numbers.
show(D, "'42'|int", "'42.7'|int", "'x'|int", "'x'|int(5)", "'  7 '|int", "'1_000'|int", "'-3'|int", "'0x1f'|int(0, 16)",
     "'ff'|int(base=16)", "'0b11'|int(0, 2)", "3.9|int", "-3.9|int", "n|int", "l|int", "t|int", "missing|int", "''|int", "'1e3'|int",
     "'inf'|int", "'nan'|int", "1e30|int", "'99999999999999999999'|int", "'٣'|int is integer", "'3.5'|float", "'x'|float", "'x'|float(1.5)", "'1e3'|float",
     "'inf'|float", "'-inf'|float", "'nan'|float", "n|float", "3|float", "t|float", "' 1.5 '|float", "'1_0.5'|float", "big|float",
     "-5|abs", "(-5)|abs", "(-2.5)|abs", "t|abs", "s|abs", "missing|abs", "2.5|round", "3.5|round", "2.567|round(2)", "2.675|round(2)",
     "2.5|round(0, 'ceil')", "2.5|round(method='floor')", "2.123|round(1, 'ceil')", "5|round", "1234|round(-2)", "1250|round(-2)", "1350|round(-2)",
     "1234.5|round(-2)", "s|round", "n|round", "2.5|round(0, 'x')", "1e300|round(2)", "0.5|round", "1.5|round", "-0.5|round")
# Formatting.
show(D, "'%s' % 1", "'%s %s' % (1, 'b')", "'%d' % 3.7", "'%05d|%-5d|%+d' % (42, 42, 42)", "'%x %X %o' % (255, 255, 8)", "'%.2f' % 3.14159",
     "'%5.1f|' % 2.25", "'%e' % 12345.678", "'%g' % 0.0001", "'%r' % 'a'", "'%%'  % ()", "'%s' % l", "'%s' % d", "'%(a)s-%(b)s' % d",
     "'%s' % (1, 2)", "'%s %s' % 1", "'%d' % 'a'", "'%d' % n", "'%f' % 'a'", "'%y' % 1", "'abc' % 1", "'abc' % l", "'%s' % missing", "'%.1s|' % 'xyz'",
     "'%5s|%-5s|' % ('a', 'b')", "'%*d' % (5, 3)", "'%(x)s' % d", "'%#x' % 255", "'%i' % true", "'%s' % n", "'%' % 1")
# Sequences.
show(D, "l|length", "s|length", "u|length", "d|length", "n|length", "i|length", "missing|length", "d|count", "l|first", "l|last", "e|first", "e|last",
     "s|first", "s|last", "d|first", "d|last", "missing|first", "missing|last", "i|first", "i|last", "e|first is defined", "l|join", "l|join(', ')", "s|join('-')",
     "[1, n, 'x', missing]|join(',')", "people|join(', ', attribute='name')", "n|join", "missing|join('x')", "l|join(1)", "d|join(',')", "s|list", "d|list",
     "n|list", "missing|list", "d|items|list", "missing|items|list", "l|items|list", "d|dictsort", "d|dictsort(true)", "{'a': 2, 'b': 1}|dictsort(by='value')",
     "{'a': 1, 'b': 2}|dictsort(reverse=true)", "l|dictsort", "d|dictsort(by='x')", "l|sort", "l|sort(reverse=true)", "['b', 'A', 'c']|sort",
     "['b', 'A', 'c']|sort(case_sensitive=true)", "[1, 'a']|sort", "people|sort(attribute='age')|map(attribute='name')|list",
     "people|sort(attribute='age,name')|map(attribute='name')|list", "people|sort(attribute='age', reverse=true)|map(attribute='name')|list", "n|sort", "s|sort",
     "[3, 1, 3, 'a', 'A']|unique|list", "['b', 'B']|unique(true)|list", "people|unique(attribute='age')|map(attribute='name')|list", "[[1]]|unique|list",
     "l|reverse|list", "s|reverse", "u|reverse", "d|reverse|list", "i|reverse", "(1, 2)|reverse|list", "l|reverse|first", "l|sum", "[]|sum", "[1.5, 2]|sum",
     "people|sum(attribute='age')", "l|sum(start=10)", "['a']|sum", "[[1], [2]]|sum(start=[])", "l|min", "l|max", "['b', 'A']|min", "['b', 'A']|max", "e|min",
     "e|max", "[1, 'a']|min", "[1, 'a']|max", "people|max(attribute='age')", "people|min(attribute='name')", "l|batch(2)|list", "l|batch(2, 'x')|list", "l|slice(2)|list",
     "l|slice(2, 'x')|list", "range(7)|slice(3)|list", "people|groupby('age')", "(people|groupby('age'))[0].grouper", "(people|groupby('age'))[1].list|length",
     "people|groupby('nope', default='z')|length", "l|map('string')|list", "l|map('string')|join('+')", "['a', 'b']|map('upper')|list", "people|map(attribute='name')|list",
     "people|map(attribute='tags')|list", "people|map(attribute='tags', default=[])|list", "people|map(attribute='tags.0', default='-')|list", "['a-b']|map('replace', '-', '+')|list",
     "[[1, 2], [3]]|map('sum')|list", "[[1, 2], [3]]|map(attribute=0)|list", "l|map|list", "l|map('nope')|list", "n|map('upper')|list", "i|map('upper')|list", "missing|map('upper')|list",
     "l|select|list", "[0, 1, '', 'a', n]|select|list", "[0, 1, '', 'a', n]|reject|list", "l|select('odd')|list", "l|reject('odd')|list", "l|select('gt', 1)|list",
     "l|select('in', [1, 2])|list", "people|selectattr('tags')|map(attribute='name')|list", "people|selectattr('age', 'equalto', 30)|map(attribute='name')|list",
     "people|rejectattr('age', 'eq', 30)|map(attribute='name')|list", "people|selectattr('tags', 'defined')|list|length", "people|selectattr('age', '>', 26)|map(attribute='name')|join(',')",
     "l|select('nope')|list", "people|selectattr|list", "(l|select('odd'))|length", "l|map('upper') is string", "(l|map('string')) is iterable", "(l|map('string')) is sequence",
     "d|attr('items') is callable", "d|attr('a')", "people|selectattr('age', 'eq', 30)|first", "messages|selectattr('role', 'eq', 'user')|list")
# tojson.
J = {"x": {"b": [1, 2.0, None, True], "a": {"é": "\u2028\u007f\u0001</script>\"\\\n\t\b\f\r"}, "n": {}, "l": []},
     "f": [1.0, 1e22, 1e-7, -0.0, 123456789012345678901234567890, 0.1]}
show(J, "x|tojson", "f|tojson", "x|tojson(indent=2)", "x|tojson(indent=4)", "x|tojson(true)", "x|tojson(ensure_ascii=true)", "x|tojson(separators=(',', ':'))",
     "x|tojson(sort_keys=true)", "x|tojson(indent='\t')", "x|tojson(indent=0)", "x|tojson(indent=2, separators=(',', ':'))", "'🎉'|tojson(ensure_ascii=true)", "'🎉'|tojson", "'\\x7f'|tojson(true)",
     "none|tojson", "true|tojson", "1|tojson", "'a'|tojson", "missing|tojson", "[missing]|tojson", "(1, 2)|tojson", "{1: 2, none: 3, true: 4, 1.5: 5}|tojson", "{(1, 2): 3}|tojson",
     "range(3)|tojson", "x.keys()|tojson", "x.keys()|list|tojson", "x.items()|list|tojson", "(x|items)|tojson", "namespace(a=1)|tojson", "('a<'|safe)|tojson", "('a<'|tojson) + '<'",
     "[[], {}, [[]], {'a': {}}]|tojson(indent=1)", "'inf'|float|tojson", "'nan'|float|tojson", "{'b': 1, 'a': 2}|tojson(sort_keys=true)", "{1: 1, 'a': 2}|tojson(sort_keys=true)", "x|tojson(2)", "[]|tojson(indent=2)")
# Tests.
for value in ["n", "t", "f", "i", "r", "s", "l", "d", "missing", "(1, 2)", "range(2)", "big", "raise_exception"]:
    CASES.append(("|".join("{{ %s is %s }}" % (value, test) for test in [
        "defined", "undefined", "none", "boolean", "true", "false", "integer", "float", "number", "string", "mapping", "iterable", "sequence", "callable"]), D))
show(D, "s is lower", "'ab' is lower", "'AB' is upper", "1 is upper", "3 is odd", "4 is even", "4 is odd", "3.0 is odd", "s is odd", "n is even", "9 is divisibleby 3", "9 is divisibleby(2)",
     "9 is divisibleby(num=3)", "1 is eq 1", "1 is equalto 1", "1 is == 1", "1 is ne 2", "1 is lt 2", "1 is lessthan(2)", "1 is le 1", "1 is gt 2", "1 is greaterthan 0", "1 is ge 1", "1 is in [1, 2]", "'a' is in 'abc'",
     "1 is in 5", "n is sameas none", "1 is sameas 1", "t is sameas true", "1 is sameas true", "1 is not none", "1 is not defined", "not 1 is none", "s is not string", "x is defined and x", "1 is none or t", "'upper' is filter",
     "'nope' is filter", "'odd' is test", "1 is nope", "1 is odd is true", "s is string is true", "[1] is sameas [1]", "l is sameas l", "missing is sameas missing", "1 is divisibleby 0", "1 is divisibleby", "n is lt 1", "1 + 1 is odd", "1 is defined + 1")
# Calls and functions.
show(D, "raise_exception('stop: ' + s)", "raise_exception('é\\nx')", "raise_exception(1)", "raise_exception()", "s()", "d.a()", "n()", "missing()", "d.nope()", "range()", "range('a')", "range(1, 2, 3, 4)", "range(1, 2, 0)",
     "range(100001)", "range(1.5)", "range(missing)", "dict(1)", "dict([1])", "dict([(1, 2, 3)])", "range(*[1, 4])|list", "dict(**{'a': 1})", "dict(*[[('x', 1)]], **{'a': 1})", "range(3)|length", "range(0)|list", "s.replace(*['l', 'L'])",
     "s.split(sep=',')", "cycler('a', 'b').next()", "joiner()()", "[joiner('x')]|length", "s.upper(1)|length > 0 if false else 'ok'")
# Statements.
add(D,
    "{% if t %}yes{% endif %}", "{% if f %}a{% elif t %}b{% else %}c{% endif %}", "{% if f %}a{% elif f %}b{% else %}c{% endif %}", "{% if n %}a{% endif %}|", "{% if missing %}a{% else %}b{% endif %}",
    "{% for x in l %}{{ x }},{% endfor %}", "{% for x in e %}{{ x }}{% else %}none{% endfor %}", "{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }} {% endfor %}",
    "{% for x in l %}{{ loop.previtem }}-{{ loop.nextitem }} {% endfor %}", "{% for x in l %}{{ loop.previtem.x }}{% endfor %}", "{% for x in l %}{{ loop.nextitem + 1 }}{% endfor %}", "{% for x in l %}{{ loop.cycle('a', 'b') }}{% endfor %}",
    "{% for x in [1, 1, 2] %}{{ loop.changed(x) }} {% endfor %}", "{% for x in l %}{{ loop }}{% endfor %}", "{% for x in l %}{{ loop.depth }}{{ loop.depth0 }}{% endfor %}", "{% for x in l %}{{ loop.nope }}{% endfor %}", "{{ loop }}", "{% for x in l if x > 1 %}{{ x }}{{ loop.length }}{% endfor %}",
    "{% for x in l if x > 5 %}{{ x }}{% else %}no{% endfor %}", "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "{% for k, v in d|items %}{{ k }}={{ v }};{% endfor %}", "{% for k in d %}{{ k }};{% endfor %}", "{% for c in s %}{{ c }}.{% endfor %}", "{% for c in u %}{{ c }}.{% endfor %}",
    "{% for a, b in [(1, 2), (3, 4)] %}{{ a }}{{ b }}{% endfor %}", "{% for a, b in [1] %}{% endfor %}", "{% for a, b in [(1,)] %}{% endfor %}", "{% for a, b in [(1, 2, 3)] %}{% endfor %}", "{% for (a, b), c in [((1, 2), 3)] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "{% for a, b in ['xy'] %}{{ a }}{{ b }}{% endfor %}",
    "{% for x in n %}{% endfor %}", "{% for x in i %}{% endfor %}", "{% for x in missing %}a{% else %}b{% endfor %}", "{% for x in d.nope %}a{% endfor %}|", "{% for x in range(3) %}{{ x }}{% endfor %}", "{% for x in l %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}", "{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in l %}{% for y in l %}{% if y == 1 %}{% break %}{% endif %}{{ x }}{{ y }} {% endfor %}{% endfor %}", "{% for x in l %}{% for y in [1, 2] %}{{ loop.index }}{% endfor %}{{ loop.index }};{% endfor %}", "{% set x = 1 %}{{ x }}", "{% set x = 1 %}{% for y in l %}{% set x = x + y %}{{ x }}{% endfor %}{{ x }}",
    "{% set ns = namespace(x=0) %}{% for y in l %}{% set ns.x = ns.x + y %}{% endfor %}{{ ns.x }}", "{% set ns = namespace() %}{% set ns.a = 1 %}{{ ns.a }}{{ ns }}", "{% set d.x = 1 %}", "{% set nope.x = 1 %}", "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set a, b = [1] %}", "{% set a, b = 5 %}", "{% set x = 1, 2 %}{{ x }}",
    "{% set x %}a{{ i }}b{% endset %}[{{ x }}]", "{% set x | upper %}a{{ i }}b{% endset %}[{{ x }}]", "{% set x | replace('a', 'b') | upper %}aa{% endset %}{{ x }}", "{% if t %}{% set x = 5 %}{% endif %}{{ x }}", "{% if f %}{% set x = 5 %}{% endif %}{{ x }}|", "{% for y in l %}{% set z = y %}{% endfor %}{{ z }}|",
    "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a }}|", "{% with %}{% set q = 1 %}{{ q }}{% endwith %}{{ q }}|", "{% set a = 5 %}{% with a = 1, b = a %}{{ a }}{{ b }}{% endwith %}", "{% macro m(a, b=2) %}{{ a }}-{{ b }}{% endmacro %}{{ m(1) }} {{ m(1, 3) }} {{ m(b=4, a=5) }}", "{% macro m(a) %}[{{ a }}]{% endmacro %}{{ m() }}",
    "{% macro m(a) %}{{ a.x }}{% endmacro %}{{ m() }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, b=2) }}", "{% macro m(a) %}{{ a }}{{ kwargs }}{{ varargs }}{% endmacro %}{{ m(1, 2, 3, z=4) }}", "{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(7) }}", "{% macro m(n) %}{{ n }}{% if n > 0 %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(3) }}",
    "{% macro m() %}{{ s }}{% endmacro %}{{ m() | upper }}", "{% set q = 1 %}{% macro m() %}{{ q }}{% endmacro %}{% set q = 2 %}{{ m() }}", "{% macro m() %}{% set q = 9 %}{% endmacro %}{{ m() }}{{ q }}|", "{% macro m(x) %}{{ caller() }}{{ x }}{% endmacro %}{% call m(1) %}body{{ i }}{% endcall %}", "{% macro m() %}{{ caller(1, 2) }}{% endmacro %}{% call(a, b) m() %}{{ a + b }}{% endcall %}",
    "{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}", "{% macro m() %}x{% endmacro %}{% call m() %}y{% endcall %}", "{{ m }}{% macro m() %}{% endmacro %}|{{ m }}|{{ m.name }}", "{% macro m(a, b) %}{% endmacro %}{{ m.arguments }}{{ m.catch_kwargs }}", "{% filter upper %}abc{{ s }}{% endfilter %}", "{% filter replace('a', 'b') | upper %}aaa{% endfilter %}", "{% filter trim %}  x  {% endfilter %}|",
    "{% raw %}{{ x }} {% if %}{% endraw %}", "a{# comment {{ x }} #}b", "{% print s %}", "{% print s, i %}", "{% for x in [[1, [2]], [3]] recursive %}{{ loop.depth }}{% if x is iterable %}({{ loop(x) }}){% else %}{{ x }}{% endif %}{% endfor %}", "{% for x in l %}{{ loop(l) }}{% endfor %}", "{% generation %}a{{ s }}{% set z = 1 %}{% endgeneration %}{{ z }}|",
    "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.reset() }}{{ c.current }}", "{% set j = joiner(', ') %}{% for x in l %}{{ j() }}{{ x }}{% endfor %}", "{% set x = namespace(d) %}{{ x.a }}", "{% for x in l %}{{ x }}{% set l = [] %}{% endfor %}{{ l }}", "{% set f = s.upper %}{{ f() }}", "{% for p in people %}{{ p.name }}{{ ', ' if not loop.last }}{% endfor %}",
    "{% for x in l|sort %}{{ x }}{% endfor %}", "{% for x in (1, 2) %}{{ x }}{% endfor %}", "{% for x in 1, 2 %}{{ x }}{% endfor %}", "{% if 1, %}a{% endif %}", "{% for x in l %}{% endfor %}{{ x }}|", "{% for g, items in people|groupby('age') %}{{ g }}:{% for p in items %}{{ p.name }} {% endfor %}{% endfor %}", "{% set g = l|map('string') %}{{ g|list }}{{ g|list }}", "{% set g = l|map('string') %}{{ g|first }}{{ g|first }}",
    "{% for x in l %}{% if loop.index is divisibleby 2 %}{{ x }}{% endif %}{% endfor %}", "{% for m in [s] %}{{ m }}{% filter upper %}{{ m }}{% endfilter %}{% endfor %}", "{% for x in l %}{% set b %}{{ x }}{% if x == 1 %}{% continue %}{% endif %}{% endset %}{{ b }}{% endfor %}", "{% if t: %}x{% endif %}", "{% for x in l: %}{{ x }}{% endfor %}", "{% set a = namespace(v=[]) %}{% for x in l %}{% set a.v = a.v + [x * 2] %}{% endfor %}{{ a.v }}",
    "{% macro a() %}A{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ a() }}", "{% for x in l %}{% macro m() %}{{ x }}{% endmacro %}{{ m() }}{% endfor %}", "{% macro m(x) %}{% for y in x %}{{ y }}{% endfor %}{% endmacro %}{{ m(l) }}", "{% macro m(caller) %}{{ caller }}{% endmacro %}{{ m(1) }}", "{% set loop = 5 %}{{ loop }}", "{% for x in l %}{% if loop.first %}{% set w = 'f' %}{% else %}{% set w = 'o' %}{% endif %}{{ w }}{% endfor %}")
# White space.
W = ["a\n  {% if t %}\n    b\n  {% endif %}\nc\n", "a\n  {%- if t %}\n    b\n  {%- endif %}\nc\n", "a\n  {%- if t -%}\n    b\n  {%- endif -%}\nc\n", "a\n  {%+ if t %}\n    b\n  {%+ endif %}\nc\n", "a\n  {% if t +%}\n    b\n  {% endif +%}\nc\n",
     "  {{ s }}  \n  {{- s -}}  \n x", "{{ s }}\n", "{{ s }}\n\n", "{{ s }}", "\n{{ s }}", "a {# c #}\n b", "a\n  {# c #}\n b", "a\n  {#- c -#}\n b", "a {#- c #}\n b\n  {#+ c +#}\n d", "  {% raw %}\n x {{ }} \n  {% endraw %}\n y", "a {%- raw -%}  x  {%- endraw -%}  b",
     "{%- for x in [1,2] %}\n  {{ x }}\n{%- endfor %}\n", "{% for x in [1,2] %}\n  {{ x }}\n{% endfor %}\n", "{% for x in [1,2] -%}\n  {{ x }}\n{%- endfor %}\n", "x\r\n{% if t %}\r\n y\rz{% endif %}\r\n", "{% if t %}\n\n\nx{% endif %}", "a{% if t %} b {% endif %}c", "  a  {% if t %}  b  {% endif %}  c", "\t{% if t %}\tx\n\t{% endif %}\ty",
     "{% if t %}x{% endif %}\n{% if t %}y{% endif %}\n", "\u00a0{%- if t -%}\u2003x{%- endif %}", "  \n  \n  {% if t %}x{% endif %}", "{%if t%}x{%endif%}", "{%-if t-%} x {%-endif-%} ", "{{'a'}}{{-'b'-}} c", "{{- 5 }}", "{{ 1 -}} x", "{{ 1 -1 }}", "{{-1}}", "{{ - 1 }}", "a\n\n  {%- set x = 1 %}\n\nb{{ x }}", "{% set x = 1 %}\n{% set y = 2 %}\n{{ x }}{{ y }}\n",
     "{{ '{{' }}{{ '%}' }}{{ \"}}\" }}", "{{ {'a': {'b': 1}}['a']['b'] }}", "{{ {'a':{'b':1}} }}", "{# a {# b #} c #}", "{#\nmulti\nline\n#}\nx", "a{#-#} b", "{%raw%}{{x}}{%endraw%}", "{% raw -%}  x{% endraw %}", "a\n    {% raw %}b{% endraw %}\n    {% if t %}c{% endif %}\n", "{{ [1,\n 2] }}", "{{\n s\n}}", "{%\n if t\n%}x{% endif %}", "x {{ s }} {% if t %}\n{% endif %}  \n  y",
     "{% if t %}\n  {% if t %}\n    x\n  {% endif %}\n{% endif %}\n", "line1\n  {{- '\\n' }}\nline2", "}} %} #} { } {", "a { b", "{", "", "\n", "\n\n"]
add(D, *W)
# What Jinja refuses.
add(D, "{{", "{{ }}", "{{ 1", "{{ 1 + }}", "{{ (1 }}", "{{ [1 }}", "{{ {1} }}", "{{ 1) }}", "{{ [1) }}", "{% %}", "{% if %}x{% endif %}", "{% if t %}x", "{% for %}", "{% for x %}{% endfor %}", "{% for x in %}{% endfor %}", "{% endif %}", "{% if t %}{% endfor %}", "{% else %}", "{% nope %}", "{% do x %}", "{% set %}", "{% set x %}", "{% set 1 = 2 %}", "{% set x = %}",
    "{% set true = 1 %}", "{# x", "{% raw %} x", "{{ 'a }}", "{{ a b }}", "{{ a..b }}", "{{ a. }}", "{{ a.'b' }}", "{{ a[ }}", "{{ ! }}", "{{ a & b }}", "{{ a ? b }}", "{{ $ }}", "{{ 1 is }}", "{{ 1 | }}", "{{ 1|(2) }}", "{{ f(a=1, 2) }}", "{{ f(*a, *b) }}", "{{ f(**a, b) }}", "{{ not }}", "{{ 1 if }}", "{{ if t }}", "{% break %}", "{% continue %}", "{% macro m(a=1, b) %}{% endmacro %}",
    "{% macro %}{% endmacro %}", "{% macro m %}{% endmacro %}", "{% call x %}{% endcall %}", "{% filter %}{% endfilter %}", "{% for loop in l %}{% endfor %}", "{{ '\\x4' }}", "{{ '\\u12' }}", "{{ '\\U00110000' }}", "{% with a %}{% endwith %}", "{{ a = 1 }}", "{{ x | upper() lower }}", "{% if t %}{% else %}{% else %}{% endif %}", "{% macro m() %}{% break %}{% endmacro %}", "{{ 1 2 }}", "{{ , }}", "{{ () () }}", "{% for x in l recursive if x %}{% endfor %}", "{{ **d }}", "{% set x.y.z = 1 %}", "{% set (a, b) = 1, 2 %}{{ a }}", "{% set [a, b] = 1, 2 %}")
# What chat templates do.
add(M,
    "{% for m in messages %}{{ '<|' + m.role + '|>' + (m.content or '') + '\\n' }}{% endfor %}", "{% for m in messages %}{% if m['role'] not in ['user', 'assistant'] %}{{ m.role }};{% endif %}{% endfor %}", "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system = messages[0]['content'] %}{% endif %}{{ loop_messages|length }}{{ system }}",
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate') }}{% endif %}{% endfor %}", "{% for m in messages %}{% if m.tool_calls is defined and m.tool_calls %}{% for c in m.tool_calls %}{{ c.function.name }}({{ c.function.arguments | tojson }}){% endfor %}{% endif %}{% endfor %}",
    "{% for m in messages %}{% if 'tool_calls' in m %}{{ m.tool_calls[0].function.arguments.items()|list }}{% endif %}{% endfor %}", "{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | first }}", "{{ messages | map(attribute='role') | unique | join(',') }}", "{% for m in messages %}{% if m.content is string %}s{% elif m.content is iterable %}i{% elif m.content is none %}n{% endif %}{% endfor %}",
    "{% set ns = namespace(found=false) %}{% for m in messages[::-1] %}{% if m.role == 'user' and not ns.found %}{% set ns.found = true %}{{ loop.index0 }}{% endif %}{% endfor %}", "{% for m in messages %}{{ m | tojson }}\n{% endfor %}", "{% for m in messages %}{{ m }}\n{% endfor %}", "{% for m in messages %}{{ m.content | trim }}|{% endfor %}", "{{ messages[-1].content | default('x') }}", "{{ messages[2].content | default('x', true) }}",
    "{{ bos_token }}{% if add_generation_prompt %}x{% endif %}", "{% if tools is defined and tools is not none %}t{% else %}no{% endif %}", "{% if not tools is defined %}no{% endif %}", "{% set tools = tools | default([]) %}{{ tools|length }}", "{%- macro render(t) -%}{{ t.type | default('any') }}{%- if t.enum is defined %}: {{ t.enum | map('tojson') | join(' | ') }}{% endif %}{%- endmacro -%}{{ render({'type': 'string', 'enum': ['a', 1, none]}) }}{{ render({}) }}",
    "{% for k, v in {'b': 1, 'a': 2} | dictsort %}{{ k }}{{ v }}{% endfor %}", "{{ 'abc'.split('</think>')[-1].lstrip('\\n') }}", "{{ ('x</think>y'.split('</think>'))[0].rstrip('\\n').split('<think>')[-1] }}", "{{ messages[0].content.split('.')[0] ~ '!' }}", "{% if messages[0].content is mapping %}m{% else %}x{% endif %}", "{{ '\\n\\n'.join([messages[0].content, 'b']) }}", "{{ messages[1].content | length }}{{ messages[1].content[:2] }}", "{% set content = messages[1].content %}{% if '</think>' in content %}x{% else %}{{ content | upper }}{% endif %}",
    "{{ messages|length // 2 }}", "{% for m in messages if m.role != 'system' %}{{ loop.index }}{{ m.role }}{{ '' if loop.last else ',' }}{% endfor %}", "{% for m in messages %}{% set role = 'model' if m.role == 'assistant' else m.role %}{{ role }}{% endfor %}", "{% if messages[5] %}x{% else %}y{% endif %}", "{{ messages[5].role }}", "{{ (messages | last).role }}", "{{ messages | rejectattr('role', 'in', ['system', 'tool']) | list | length }}")

# A template with what Llama 3.x templates use, over conversations of several kinds.
with open("tests/golden/template/llama_like.jinja", encoding="utf-8") as stream:
    LLAMA = stream.read()
TOOL = {"type": "function", "function": {"name": "weather", "description": "Where is it raining? é",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": []}}}
CALL = {"role": "assistant", "tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Oslo", "n": "2"}}}]}
BASE = {"bos_token": "<|begin_of_text|>", "today": "24 Nov 2025", "add_generation_prompt": True}
USER = {"role": "user", "content": " Hi! \n"}
for extra in [
        {"messages": [USER]},
        {"messages": [{"role": "system", "content": " Be brief. "}, USER]},
        {"messages": [{"role": "system", "content": [{"type": "text", "text": "Parts."}]}, USER], "add_generation_prompt": False},
        {"messages": [USER], "tools": [TOOL]},
        {"messages": [USER], "tools": [TOOL], "place_tools_with_user": False},
        {"messages": [], "tools": [TOOL]},
        {"messages": [{"role": "system", "content": "x"}], "tools": [TOOL]},
        {"messages": [USER, CALL, {"role": "tool", "content": {"rain": True}}], "tools": [TOOL], "place_tools_with_user": False},
        {"messages": [USER, CALL, {"role": "ipython", "content": "yes"}], "builtin_tools": ["weather", "code_interpreter"]},
        {"messages": [USER, CALL, {"role": "tool", "content": [1, "a"]}], "custom_tools": [TOOL, TOOL], "place_tools_with_user": False},
        {"messages": [USER, {"role": "assistant", "tool_calls": []}]},
        {"messages": [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is it?"}]}]},
        {"messages": [{"role": "user", "content": None}]},
        {"messages": [{"role": "user"}]},
]:
    add(dict(BASE, **extra), LLAMA)

# Found by comparing both engines on fuzzed templates.
show(D, "'7'|int(3, 99)", "'7'|int(3, missing)", "'7.5'|int(3, 1)", "big|round", "big|round(2)", "l|batch(0)|list", "e|batch(0)|list", "l|batch(-1)|list",
     "people|sort(attribute='nope')|map(attribute='name')|list", "[3, 1, 'x', none]|sort", "[1, 2, 3, 'x', none, 4]|sort", "[3, 2, 1, [0]]|sort", "[5, 3, 4, 1, 2]|sort", "[3, 2, 1]|sort",
     "range(100)|reverse|sort == range(100)|list", "range(200)|map('string')|sort|first", "people|sort(reverse=true, attribute='age')|map(attribute='name')|list", "[missing, missing]|sort", "[2, 2.0, true, 1]|sort", "[2, 2.0, true, 1]|sort(reverse=true)",
     "'{:2.f}'.format(2.5)")
show(D, "l|truncate(5)", "l|indent", "('ab'|safe)|first is escaped", "('ab'|safe)[0] is escaped", "1|truncate")
