"""The description of the joints that MMPose's datasets ask for."""

import re
from collections.abc import Sequence

#: COCO's sigma of a joint says how far annotators disagree on it, as a fraction of the instance's
#: size. COCO's go from 0.025 for the eyes to 0.107 for the hips.
SIGMA = 0.05
#: Colors by side, RGB.
LEFT_COLOR, RIGHT_COLOR, MIDDLE_COLOR = [0, 255, 0], [255, 128, 0], [51, 153, 255]

#: Parts of a name: words, numbers, and words that begin with a capital letter.
PARTS = re.compile(r'[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^A-Za-z\d]+')
OPPOSITES = dict(left='right', right='left', l='r', r='l')

HEAD = '''\
# The joints of {name}, as MMPose's datasets describe them. Check `swap` and `sigmas`.
#
# swap: the joint that takes this one's place in a mirrored image. It is guessed from left and right
#     in the names; a joint without one stays itself.
# type: 'upper' or 'lower' for rsn_mm.HalfBodyBBox, which cuts out half a person. The config does
#     not use it, so the types are empty.
# sigmas: how far labelers disagree on each joint, as a fraction of the instance's size (the root of
#     its area). {sigma} is a guess for all joints. AP depends on it: with twice the sigma, an error
#     counts like half of it. AP therefore cannot be compared with that of other data sets; compare
#     EPE (pixels) and PCK.
'''


def opposite(name: str) -> str | None:
    """The name with left in the place of right, or the other way round; None without either.

    ``left`` and ``right`` count as a word of the name, and so do ``l`` and ``r``: ``left_ear``,
    ``earLeft``, ``L_ear`` and ``earL`` have an opposite, and ``collar`` has none.
    """
    parts = PARTS.findall(name)
    sides = [i for i, part in enumerate(parts) if part.lower() in OPPOSITES]
    # `leftear` and `earright` are written without a border.
    if not sides:
        match = re.match(r'(?i)(left|right)(?=[a-z])', name) or re.search(
            r'(?i)(?<=[a-z]{3})(left|right)$', name)
        return match and name[:match.start()] + _like(match[0]) + name[match.end():]
    parts[sides[0]] = _like(parts[sides[0]])
    return ''.join(parts)


def _like(side: str) -> str:
    """The opposite of a side, in capital letters where the side is."""
    other = OPPOSITES[side.lower()]
    if side.isupper():
        return other.upper()
    return other.capitalize() if side[0].isupper() else other


def swaps(joints: Sequence[str]) -> dict[str, str]:
    """The mirrored joint of every joint that has one, guessed from the names."""
    pairs = {joint: opposite(joint) for joint in joints}
    return {joint: other for joint, other in pairs.items()
            if other is not None and other in joints}


def unpaired(joints: Sequence[str]) -> list[str]:
    """The joints whose names have a side, but whose opposite is missing."""
    paired = swaps(joints)
    return [joint for joint in joints if opposite(joint) and joint not in paired]


def metainfo_text(name: str, joints: Sequence[str], links: Sequence[tuple[str, str]],
                  sigma: float = SIGMA) -> str:
    """A config file with ``dataset_info``.

    Args:
        name: Name of the data set.
        joints: Names of the joints.
        links: Pairs of names to connect in pictures.
        sigma: For every joint.
    """
    paired = swaps(joints)
    keypoints = ''.join(
        f'        {i}: dict(name={joint!r}, id={i}, color={_color(joint)}, type={""!r}, '
        f'swap={paired.get(joint, "")!r}),\n' for i, joint in enumerate(joints))
    skeleton = ''.join(
        f'        {i}: dict(link={tuple(link)!r}, id={i}, color={MIDDLE_COLOR}),\n'
        for i, link in enumerate(links))
    return HEAD.format(name=name, sigma=f'{sigma:g}') + (
        'dataset_info = dict(\n'
        f'    dataset_name={name!r},\n'
        '    paper_info=dict(),\n'
        f'    keypoint_info={{\n{keypoints}    }},\n'
        f'    skeleton_info={{\n{skeleton}    }},\n'
        f'    joint_weights=[1.] * {len(joints)},\n'
        f'    sigmas=[{sigma:g}] * {len(joints)})\n')


def _color(joint: str) -> list[int]:
    other = opposite(joint)
    if other is None:
        return MIDDLE_COLOR
    words = {part.lower() for part in PARTS.findall(joint)}
    left = bool(words & {'left', 'l'}) or 'left' in joint.lower()
    return LEFT_COLOR if left else RIGHT_COLOR
