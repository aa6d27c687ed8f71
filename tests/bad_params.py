"""Wrong parameters, studies and the tables that they name, and what is said of each.

A key is written with spaces. Each message must name all parts of it, then what is wrong.
"""

from typing import Any

P, S = "params.yaml", "studies/tiny.yaml"
_NAN = float("nan")
_IMAGES = {"images": "x", "classes": "imagenet"}
_PACKAGE = {"name": "a", "package": "net==1.0", "file": "net/a.pth", "architecture": "test_vit"}
_PACKAGE |= {"sha256": "0" * 64}
_OWN = {"name": "a", "weights": "a.safetensors", "config": "c.json"}
AT_LEAST = {
    0: "seed",
    1: "fewshot n, fewshot mlp2 hidden, models limit, tasks per_class, theory game limit, "
    "theory game runs, theory game dimensions, theory fewshot dimensions, "
    "theory adversarial candidates",
    2: "theory fewshot classes, theory fewshot worlds, theory game worlds, "
    "theory adversarial worlds, theory reach worlds",
    3: "theory game objects, theory fewshot objects, theory shift objects",
    4: "theory reach stimuli, theory reach held_out",
    8: "pretrain batch",
    100: "theory game positions",
}
"""Parameters by the least whole number that is allowed."""
LISTS: dict[str, list[Any]] = {
    "fewshot n": [5, 5],
    "fewshot heads": ["linear", "linear"],
    "theory epsilon": [0.1, 0.1],
    "theory game objects": [4, 4],
    "theory game dimensions": [2, 2],
    "theory shift sizes": [0.1, 0.1],
    "theory adversarial candidates": [5, 5],
    "theory reach stimuli": [9, 9],
}
"""Parameters that are lists, which may be neither empty nor hold a value twice."""

FIELDS: list[tuple[str, str, Any, str]] = [
    *(
        (P, k, n - 1, f"or equal to {n} .*{n - 1}")
        for n, names in AT_LEAST.items()
        for k in names.split(", ")
    ),
    *((P, key, [], "at least 1 item") for key in LISTS),
    *((P, key, twice, f"duplicate value {twice[0]!r}") for key, twice in LISTS.items()),
    (P, "fewshot linear solver", "saga", "'fast' or 'scikit-learn'.*'saga'"),
    (P, "robustness readout solver", None, "'fast' or 'scikit-learn'.*None"),
    (P, "study", "tiyn", "'tiyn' is not one of .*; did you mean 'tiny'"),
    (P, "study", "../secret", "pattern"),
    (P, "study", 3, "valid string"),
    (P, "study", "t\u0456ny", "pattern.*'t\u0456ny'"),
    (P, "seed", 1.5, r"integer.*1\.5"),
    (P, "fewshto", {}, "unknown key; did you mean 'fewshot'"),
    (P, "fewshot repeat", 3, "unknown key; did you mean 'repeats'"),
    (P, "fewshot n", "five", r"n\.0: .*integer.*'five'"),
    (P, "fewshot n", True, r"n\.0: .*integer.*True"),
    (P, "fewshot heads", ["linaer"], r"heads\.0: .*'linear', 'mlp1' or 'mlp2'"),
    (P, "fewshot mlp1 dropout", 1.0, "less than 1"),
    (P, "fewshot linear tolerance", "0.001", r"number.*'0\.001'"),
    (P, "fewshot linear C", _NAN, "finite"),
    (P, "fewshot repeats", 10**12, "less than or equal to 10000.*10{12}"),
    (P, "align similarity", "cosin", "'cosine', 'dot'.*'cosin'"),
    (P, "pretrain learning_rate", 0, "greater than 0"),
    (P, "models include", ["resnet*"], r"'resnet\*' matches none"),
    (P, "models include", ["a\nb"], r"include\.0: .*pattern.*'a\\nb'"),
    (P, "models include", ["x" * 5000], r"include\.0: .*at most 1000 characters.*x …\)"),
    (P, "models exclude", ["test_vit.repl"], r"did you mean 'test_vit\.repel'"),
    (P, "models exclude", ["*"], "include and exclude leave no model"),
    (P, "analyze measure", "cosine", r"supports 'cosine'; allowed: \['pearson', 'spear"),
    (P, "analyze confidence", 95, "less than 1.*95"),
    (P, "compute device", "gpu", "pattern.*'gpu'"),
    (P, "compute instructions", "avx2", "'portable' or 'native'"),
    (P, "stimuli exclude", ["disc"], "'disc' is not among.*did you mean 'discs'"),
    (P, "stimuli exclude", ["discs", "stars"], "leaves no stimulus set"),
    (P, "theory epsilon", [0.1, 1.2], r"epsilon\.1: .*less than or equal to 1.*1\.2"),
    (P, "theory epsilon", -0.1, r"epsilon\.0: .*greater than or equal to 0.*-0\.1"),
    (P, "theory game confidence", 1.0, r"less than or equal to 0\.99.*1\.0"),
    (P, "theory game confidence", 0.5, r"greater than 0\.5.*0\.5"),
    (P, "theory fewshot classes", 101, "is 101; at most 100, one per position, are allowed"),
    (P, "theory fewshot spread", 0.0, r"greater than 0.*0\.0"),
    (P, "theory shift sizes", [-0.1], r"sizes\.0: .*greater than or equal to 0.*-0\.1"),
    (P, "theory shift", None, "None"),
    (P, "theory reach stimuli", [10, 1001], r"stimuli\.1: .*less than or equal to 1000.*1001"),
    (P, "theory reach width", 0, "greater than 0"),
    (P, "embed precision", "half", "'float32', 'float16' or 'bfloat16'"),
    (S, "trianing", {}, "unknown key; did you mean 'training'"),
    (S, "title", "a\u202eb", r"pattern.*'a\\u202eb'"),
    (S, "training source", "imagenet", "'world' or 'cifar100'"),
    (S, "training", None, "benchmark 'adversarial' needs the section 'training'"),
    (S, "world", None, "source 'world' needs the section 'world'"),
    (S, "stimuli", {}, "at least 1"),
    (S, "stimuli discs", {"source": "peterson"}, "'world', 'objects92'"),
    (S, "stimuli discs superclasses", ["disks"], r"superclasses\.0: .*'discs', .*'rings'"),
    (S, "stimuli discs noise", -1, "greater than or equal to 0"),
    (S, "stimuli ../x", {"source": "materials"}, "pattern"),
    (S, f"stimuli {'a' * 101}", {"source": "materials"}, "at most 100 characters"),
    (S, "tasks novel style", "oil", "'painted' or 'drawn'"),
    (S, "tasks ../x", {"source": "digits"}, "pattern"),
    (S, "recipes repel pull", 1000, "less than or equal to 100"),
    (S, "recipes a;rm", {}, "pattern"),
    (S, "reference", None, "'select: reference_fails' needs the section 'reference'"),
    (S, "reference", {"architecture": "test_vit", "recipe": "categories"}, "must not be among"),
    (S, "reference", {"architecture": "test_vit", "recipe": "no"}, "recipe 'no' is not among"),
    (S, "covariate", {"benchmark": "b", "classifier": "readout"}, r"'b' with.*clean \(readout\)"),
    (S, "covariate", {"benchmark": "clean", "classifier": "published"}, "'published' is not"),
    (S, "simulated", True, "simulated: unknown key"),
    (S, "stimuli x", {"source": "pair"}, "stimuli.x.source: 'pair' is not one of.*mean 'pairs'"),
    (S, "tasks x", {}, "tasks.x.source: this key is missing"),
    (S, "tasks x", {"source": "npz", "fil": "x.npz"}, "tasks.x.fil: unknown key"),
    (S, "paper", {"covariate_r": {"edgs": 0.5}, "values": None}, "covariate_r: 'edgs' is not"),
    (S, "paper", {"covariate_r": {}, "values": "studies/published/n.csv"}, "n.csv' cannot be read"),
    (S, "contrasts", "pairs.csv", "pattern.*'pairs.csv'"),
    (S, "contrasts", "studies/models/none.csv", "none.csv' cannot be read"),
    (S, "contrasts", "studies/models/a\0.csv", r"pattern.*'studies/models/a\\x00"),
    (S, "benchmarks edges", {}, "has one of 'rendition', 'select'"),
    (S, "benchmarks edges", {"rendition": "edge"}, "rendition: .*'edges', .*'mosaic'"),
    (S, "benchmarks clean", {"rendition": "edges"}, "'clean' is the name"),
    (S, "benchmarks a", {"published": "imagenet_b"}, "published: .*'imagenet_sketch'.*_b'"),
    (S, "benchmarks a", {"images": "x"}, "'images' and 'classes' come together"),
    (S, "benchmarks a", {"published": "imagenet", "rendition": "edges"}, "has one of"),
    (S, "benchmarks", {"a": {"published": "imagenet"}}, "are for published models"),
    (S, "benchmarks a", {"published": "imagenet_a"} | _IMAGES, "is about classes 'imagenet_a'"),
    (S, "benchmarks a", {"published": "imagenet_real"} | _IMAGES, "_real' is about other labels"),
    (S, "models 0", {"table": "x.csv"}, r"table\.table: .*pattern.*'x.csv'"),
    (S, "models 0", "resnet50", r"architectures: .*'resnet50'"),
    (S, "models 0", None, "architectures: "),
    (S, "models 0", {"timm": []}, r"timm\.timm: .*at least 1"),
    (S, "models 0", {"name": "a b", "hub": "o/r"}, "name: .*pattern.*'a b'"),
    (S, "models 0", {"name": "..", "hub": "o/r"}, r"name: .*pattern.*'\.\.'"),
    (S, "models 0", {"name": "a", "hub": "hf-hub:o/r"}, "hub: .*pattern.*'hf-hub:o/r'"),
    (S, "models 0", {"name": "a", "hub": "../.."}, r"hub: .*pattern.*'\.\./\.\.'"),
    (S, "models 0", _OWN | {"weights": "a.bin"}, r"weights: 'a\.bin'; \.safetensors are allowed"),
]
"""File, key, value, what is said after the key."""

WHOLE: list[tuple[str, str, Any, str]] = [
    (S, "recipes categories labels", "shuffled", "reference: recipe 'categories' must learn"),
    (P, "models limit", 4, "models: 4 models have all that is needed; at least 5 must"),
    (S, "models 0 recipes", ["repell"], "models: recipe 'repell' .*did you mean 'repel'"),
    (S, "models 0 architectures", ["resnet81"], "models: .*'resnet81' is not one of.*resnet18"),
    (S, "models 0 architectures", ["test_vit"] * 2, r"models: duplicate model 'test_vit\.untr"),
    (S, "models 0", _PACKAGE | {"package": "net"}, "package: .*pattern.*'net'"),
    (S, "models 0", _PACKAGE | {"package": "--pre==1"}, "package: .*pattern.*'--pre==1'"),
    (
        S,
        "models 0",
        _PACKAGE | {"file": "a.pkl"},
        r"file: 'a\.pkl'; \.pth, \.pt, \.bin are allowed",
    ),
    (S, "models 0", _PACKAGE | {"sha256": "12ab"}, "sha256: .*pattern.*'12ab'"),
    (
        S,
        "models 0",
        _PACKAGE | {"architecture": "test_vit9"},
        "models: a: .*'test_vit9' is not one",
    ),
    (
        S,
        "models 0",
        _PACKAGE | {"recipes": ["repel"]},
        "models: a: recipe 'repel' trains a network",
    ),
    (S, "models 0", _PACKAGE | {"recipes": ["repell"]}, "recipe 'repell' .*did you mean 'repel'"),
    (S, "recipes repel", {"kept": 0.5, "pull": -1.0}, "repel: 'kept' leaves nothing to train"),
    (S, "recipes repel", {"kept": 1.5}, "kept: .*less than or equal to 1"),
    (S, "recipes repel", {"kept": 0.5}, "models: recipe 'repel' has 'kept', for networks of a"),
    (
        S,
        "models 0",
        {"name": "a", "features": "studies/files/a"},
        "features: 'studies/files/a' is no",
    ),
    (S, "models 0", {"name": "a", "features": "x", "weights": "new"}, "weights: .*'new'"),
    (S, "models 0", {"name": "a", "features": "x", "order": "up"}, "order: .*'up'"),
]
"""File, key, value, what is said, where that is of another key or of several."""

YAML = [
    (P, b"study: [tiny", "params.yaml: not readable as YAML"),
    (P, b"- a\n- b\n", "params.yaml: a mapping .* not list"),
    (P, b"\xff\xfe\x00", "params.yaml: not readable as YAML"),
    (P, b"study: !!python/object/apply:os.getcwd []", "not readable as YAML: .*python/object"),
    (P, b"study: !!int ''\n", "params.yaml: not readable as YAML"),
    (P, b"seed: " + b"9" * 5000, "params.yaml: not readable as YAML: .*4300"),
    (P, b"seed: 2001-99-99", "params.yaml: not readable as YAML: month"),
    (P, b"seed: " + b"[" * 5000, "params.yaml: not readable as YAML: nested too deeply"),
    (P, b"seed: 1\nseed: 2\n", "params.yaml: line 2: duplicate key 'seed'"),
    (P, b"a: &a [*a]\n", "params.yaml: line 1: an anchor within itself"),
    (P, b'"a\\nb": 1\n', r"params.yaml: 'a\\nb': unknown key"),
    (S, b"", "tiny.yaml: a mapping of keys to values is needed, not NoneType"),
    (P, None, "params.yaml: cannot be read: No such file"),
    (S, None, "params.yaml: study: 'tiny' is not one of"),
]
"""File, its content or None where it is missing, what is said."""

PUBLISHED: list[tuple[str, Any, str]] = [
    ("models 0", {"timm": ["test_vit*"]}, "no model has 'imagenet' .*test_vit.*have no row of it"),
    ("models 0", {"timm": ["resnet19*"]}, r"timm: 'resnet19\*' matches none.*resnet18"),
    ("models 0", {"table": "studies/models/x.csv"}, "x.csv' cannot be read"),
    ("models 0", _OWN, "models: a: 'a.safetensors' is not a file"),
    ("models 0", {"name": "a", "hub": "o/r", "revision": "../x"}, r"hub\.revision: .*'\.\./x'"),
    ("models 0", _OWN | {"weights": "n" * 300}, "weights: a name of 300 bytes; at most 255"),
    ("benchmarks edges", {"rendition": "edges"}, "'edges' needs the section 'training'"),
    ("covariate classifier", "own", r"'imagenet' with classifier 'own' is not measured"),
    ("benchmarks a", _IMAGES, r"benchmarks\.a\.images: 'x' is no folder"),
]
"""Key of studies/open.yaml, value, what is said."""

COLUMNS = "name,timm_2022,timm,evidence,revision,features,parameters,gmacs,input_size,family\n"
GOOD = "a,a22,resnet18.a1_in1k,same file,,512,11,1.8,224,resnet\n"
MODELS: list[tuple[str | bytes, str]] = [
    ("name,timm\na,b\n", "column 'timm_2022' is missing"),
    ("", "column 'name' is missing"),
    (COLUMNS[:-1] + ",name\n" + GOOD, "column 'name' is there 2 times"),
    (COLUMNS + GOOD + "a,b\n", "line 3: 2 values for 10 columns"),
    *(
        (COLUMNS + GOOD.replace(old, new, 1), f"line 2: {column}: '{value}'; {allowed}")
        for old, new, column, value, allowed in (
            ("512", "many", "features", "many", "a number from 0"),
            ("11,", "nan,", "parameters", "nan", "a number from 0"),
            ("1.8", "-5", "gmacs", "-5", "a number from 0"),
            ("a,", "a b,", "name", "a b", "letters, digits"),
            ("a,", "../a,", "name", r"\.\./a", "letters, digits"),
            ("a,", "\u0430,", "name", "\u0430", "letters, digits"),
            ("a,", "a" * 300 + ",", "name", "a+", "letters, .* up to 100"),
            ("file,,", "file,../x,", "revision", r"\.\./x", "a commit"),
            ("same file", "x" * 101, "evidence", "x+", "one line of up to 100"),
            ("resnet\n", "<b>\n", "family", "<b>", "letters, digits"),
        )
    ),
    (COLUMNS + GOOD.replace("resnet18", "resnet81"), "'resnet81.a1_in1k' is not .* did you mean"),
    (COLUMNS + GOOD + GOOD, "models: duplicate model 'a'"),
    (COLUMNS.encode() + b"\xff\n", "mine.csv' cannot be read: .*utf-8"),
    (COLUMNS + '"' + "x" * 200_000 + '"\n', "mine.csv' cannot be read: field larger than"),
]
"""Content of studies/models/mine.csv, what is said."""

_PAIRS = "factor,a,b\n"
PAIRS = [
    ("a,b\n", "mine.csv: column 'factor' is missing; .*'factor', 'a', 'b'. are needed"),
    (_PAIRS, "mine.csv: has no rows"),
    (_PAIRS + "depth,vgg16\n", "mine.csv: line 2: 2 values for 3 columns"),
    (_PAIRS + "<b>,vgg16,vgg13\n", "line 2: factor: '<b>'; text without <, > or & is needed"),
    (_PAIRS + ",vgg16,vgg13\n", "mine.csv: line 2: factor: ''; text"),
    (_PAIRS + "x,,vgg13\n", "mine.csv: line 2: a: ''; printable text is needed"),
    (_PAIRS + "x\x1b[2J,vgg16,vgg13\n", "line 2: factor: 'x.x1b.2J'; text"),
    (_PAIRS + "depth,vgg16,vgg16\n", "line 2: b: 'vgg16' is also in column a; a pair needs two"),
    (_PAIRS + "x,vgg16,vgg13\n\nx,vgg13,vgg16\n", "line 4: a, b: duplicate pair 'vgg13', 'vgg16'"),
    (_PAIRS + "x,vgg19_bm,vgg13\n", "line 2: a: 'vgg19_bm' is not a model .*mean 'vgg19_bn'"),
    (_PAIRS + "x,vgg13,vgg19_bm\n", "line 2: b: 'vgg19_bm' is not a model .*mean 'vgg19_bn'"),
]
"""Content of a file of pairs, what is said."""

_VALUES = "item,outcome,n,top,measure,group,statistic,value,note\n"
_PRINTED = "table1,imagenet,0,1,pearson,high,accuracy,0.5,\n"
PAPER = [
    *(
        (
            _VALUES + _PRINTED.replace(old, new, 1),
            f"line 2: {column}: '{new.strip(',')}'; {allowed}",
        )
        for old, new, column, allowed in (
            ("table1", "table9", "item", "one of"),
            ("pearson", "cosine", "measure", "one of"),
            ("high", "top", "group", "one of"),
            ("accuracy", "t", "statistic", "one of"),
            ("imagenet", "", "outcome", "printable text"),
            ("0", "-1", "n", "a whole number from 0"),
            (",1,", ",x,", "top", "a whole number from 0"),
            ("0.5", "59.93", "value", "a number from -1 to 1"),
            ("0.5", "nan", "value", "a number from -1 to 1"),
            ("0.5", "", "value", "a number from -1 to 1"),
        )
    ),
    (_VALUES + _PRINTED.replace("0.5", "-0.5"), "line 2: value: -0.5; a number from 0 to 1"),
    (_VALUES + _PRINTED * 2, "line 3: duplicate: item 'table1', outcome 'imagenet', n 0"),
]
"""Content of studies/published/mine.csv, what is said."""
