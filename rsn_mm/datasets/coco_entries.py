"""What is wrong with the entries of an annotation file in COCO's format, or of a detection file."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

#: Larger numbers are no positions; NaN is not below it either.
LIMIT = 1e15
#: A labeled joint may be this many image sizes outside of its image.
FAR = 10
#: Flag of a joint that can be seen, so that it must lie inside of the image.
VISIBLE = 2


class Rule(NamedTuple):
    """What a field must be."""
    expected: str
    holds: Callable[[Any], bool]
    required: bool = True


def is_number(value: object) -> bool:
    return type(value) in (int, float)


def is_finite(value: Any) -> bool:
    return is_number(value) and -LIMIT < value < LIMIT


def is_box(value: Any) -> bool:
    # MMPose clips infinite numbers to the image, but not NaN, which is found later.
    return isinstance(value, list) and len(value) == 4 and all(
        is_number(each) and (each != each or is_finite(each)) for each in value)


def are_joints(value: Any) -> bool:
    return (isinstance(value, list) and len(value) > 0 and len(value) % 3 == 0
            and set(map(type, value)) <= {int, float})


INTEGER = Rule('an integer', lambda value: type(value) is int)
TEXT = Rule('a text', lambda value: isinstance(value, str) and bool(value))
IMAGE_RULES = dict(
    id=INTEGER, file_name=TEXT,
    width=Rule('a number of pixels above 0', lambda v: is_finite(v) and v > 0),
    height=Rule('a number of pixels above 0', lambda v: is_finite(v) and v > 0))
ANNOTATION_RULES = dict(
    id=Rule('an integer or a text', lambda v: type(v) in (int, str)),
    image_id=INTEGER, category_id=INTEGER,
    bbox=Rule('x, y, width, height, four finite numbers', is_box, False),
    keypoints=Rule('x, y and flag for every joint, a list of numbers', are_joints, False),
    num_keypoints=Rule('an integer of 0 or more', lambda v: type(v) is int and v >= 0, False),
    iscrowd=Rule('0 or 1', lambda v: type(v) in (int, bool) and v in (0, 1), False),
    area=Rule('a finite number of 0 or more', lambda v: is_finite(v) and v >= 0, False))
CATEGORY_RULES = dict(
    id=INTEGER,
    keypoints=Rule('a list of names', lambda v: isinstance(v, list) and all(
        isinstance(each, str) for each in v), False))
DETECTION_RULES = dict(
    image_id=INTEGER, category_id=INTEGER,
    bbox=Rule('x, y, width, height, a list of numbers', lambda v: isinstance(
        v, list) and len(v) >= 4 and all(map(is_number, v[:4]))),
    score=Rule('a number from 0 to 1', lambda v: is_number(v) and 0 <= v <= 1))
MPII_RULES = dict(
    image=TEXT, scale=Rule('a finite number', is_finite),
    center=Rule('x, y', lambda v: isinstance(v, list) and len(v) == 2 and all(map(is_number, v))),
    joints=Rule('a list', lambda v: v is None or isinstance(v, list), False),
    joints_vis=Rule('a list', lambda v: v is None or isinstance(v, list), False))


def entry_problems(name: str, entry: object, rules: Mapping[str, Rule]) -> Iterator[str]:
    """What is wrong with the fields of one entry."""
    if not isinstance(entry, Mapping):
        yield f'{name} is {_short(entry)}, expected an object'
        return
    missing = [key for key, rule in rules.items() if rule.required and key not in entry]
    if missing:
        yield f'{name} has no {", ".join(map(repr, missing))}'
    for key, rule in rules.items():
        if key in entry and not rule.holds(entry[key]):
            yield f'{name} has {_found(key, entry[key])}, expected {rule.expected}'


def list_problems(content: Mapping, key: str, name: str,
                  rules: Mapping[str, Rule]) -> Iterator[str]:
    """What is wrong with a list of entries, whose ids must be unique."""
    if not isinstance(content[key], list):
        yield f'{key} is {_short(content[key])}, expected a list'
        return
    first: dict[Any, int] = {}
    for i, entry in enumerate(content[key]):
        has_id = isinstance(entry, Mapping) and rules['id'].holds(entry.get('id'))
        at = f'{name} id {entry["id"]}' if has_id else f'{name} {i}'
        yield from entry_problems(at, entry, rules)
        if has_id and first.setdefault(entry['id'], i) != i:
            yield (f'{at} is there twice, as entries {first[entry["id"]]} and {i} of {key}; only '
                   'the last of them would be used')


def joint_problems(annotation: Mapping, size_wh: tuple[float, float]) -> Iterator[str]:
    """Labeled joints that are nowhere near their image."""
    keypoints = annotation.get('keypoints') or []
    limit = FAR * max(size_wh)
    xy = keypoints[0::3] + keypoints[1::3]
    if not xy or -limit <= min(xy) and max(xy) <= limit + max(size_wh):
        return
    for joint in range(len(keypoints) // 3):
        x, y, flag = keypoints[3 * joint:3 * joint + 3]
        # NaN is found elsewhere, as a joint of a sample.
        if flag > 0 and (abs(x) > limit or abs(y) > limit):
            yield (f'annotation id {annotation["id"]} has joint {joint} at {(x, y)}, far outside '
                   f'of its image of {size_wh[0]} x {size_wh[1]} pixels')


def name_problems(content: Mapping, names: Sequence[str] | None) -> Iterator[str]:
    """Categories whose joints are those of the dataset in another order, or of another number."""
    for category in content.get('categories') or ():
        found = category.get('keypoints')
        if not found or not names:
            continue
        name = f'category {category["id"]}'
        if len(found) != len(names):
            yield f'{name} has {len(found)} keypoints, expected the {len(names)} of the dataset'
        elif list(found) != list(names) and sorted(found) == sorted(names):
            i = next(i for i, (a, b) in enumerate(zip(found, names)) if a != b)
            yield (f'{name} has the keypoints of the dataset in another order: keypoint {i} is '
                   f'{found[i]!r}, expected {names[i]!r}')


def num_outside(annotation: Mapping, size_wh: tuple[float, float]) -> int:
    """How many joints are marked as visible and lie outside of the image."""
    keypoints = annotation['keypoints']
    xs, ys, flags = keypoints[0::3], keypoints[1::3], keypoints[2::3]
    if min(xs) >= 0 and min(ys) >= 0 and max(xs) <= size_wh[0] and max(ys) <= size_wh[1]:
        return 0
    return sum(flag == VISIBLE and not (0 <= x <= size_wh[0] and 0 <= y <= size_wh[1])
               for x, y, flag in zip(xs, ys, flags))


def _found(key: str, value: object) -> str:
    if key == 'keypoints' and isinstance(value, list):
        wrong = [each for each in value if not is_number(each)]
        if len(value) % 3 and not wrong or not value:
            return f'{len(value)} numbers in keypoints'
        return f'{_short((wrong or value)[0])} in keypoints'
    return f'{key} {_short(value)}'


def _short(value: object, length: int = 60) -> str:
    text = 'null' if value is None else repr(value)
    return text if len(text) <= length else text[:length] + '...'
