#!/usr/bin/env python
"""Draw mice seen from above, with four labeled joints each, as a project of DeepLabCut.

A stand-in for photographs of your own in docs/custom.md: three "videos" with another floor and
another mouse each, in whose frames the mouse runs about, turns and is sometimes half covered.
"""

import argparse
import csv
from pathlib import Path

import cv2
import numpy as np

VIDEOS = ('box', 'arena', 'cage')
SCORER = 'me'
JOINTS = ('nose', 'left_ear', 'right_ear', 'tail_base')
SKELETON = (('nose', 'left_ear'), ('nose', 'right_ear'), ('left_ear', 'tail_base'),
            ('right_ear', 'tail_base'))
SIZE_WH = (320, 240)
#: Where the joints of a mouse of length 1 are that looks along the x-axis from 0, 0; y points down,
#: so that its left side is at negative y.
SHAPE = np.array([[0.5, 0.], [0.27, -0.17], [0.27, 0.17], [-0.5, 0.]])
#: cv2 draws at 1/16 of a pixel.
SHIFT = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('out', type=Path, help='folder of the project, new or empty')
    parser.add_argument('--frames', type=int, default=40, help='frames per video (default 40)')
    parser.add_argument('--seed', type=int, default=0, help='the same seed draws the same frames')
    args = parser.parse_args()
    if args.out.is_dir() and any(args.out.iterdir()):
        parser.error(f'{args.out} is not empty')
    rng = np.random.default_rng(args.seed)
    for video in VIDEOS:
        write_video(args.out / 'labeled-data' / video, args.frames, rng)
    write_config(args.out / 'config.yaml')
    print(f'{len(VIDEOS)} videos of {args.frames} frames in {args.out}')


def write_config(path: Path) -> None:
    """Write what DeepLabCut notes about a project, as far as its labels go."""
    lines = [f'scorer: {SCORER}', 'multianimalproject: false', 'bodyparts:',
             *(f'- {joint}' for joint in JOINTS), 'skeleton:',
             *(f'- - {a}\n  - {b}' for a, b in SKELETON)]
    path.write_text('\n'.join(lines) + '\n')


def write_video(folder: Path, num_frames: int, rng: np.random.Generator) -> None:
    """Write the frames of a video and their labels."""
    folder.mkdir(parents=True)
    floor, fur = rng.uniform(90, 200, 3), rng.uniform(20, 80, 3)
    texture = cv2.resize(rng.normal(0, 18, (24, 32, 3)), SIZE_WH, interpolation=cv2.INTER_CUBIC)
    rows = [['scorer', *[SCORER] * 8], ['bodyparts', *np.repeat(JOINTS, 2)],
            ['coords', *['x', 'y'] * 4]]
    for i in range(num_frames):
        image = floor + texture
        joints = pose(rng)
        draw_mouse(image, joints, fur)
        cells = np.round(joints, 2).ravel().astype(str).tolist()
        if rng.random() < 0.2:  # a label that the labeler left out, under a piece of wood
            hidden = int(rng.integers(4))
            corner = joints[hidden] - rng.uniform(8, 14, 2)
            cv2.rectangle(image, corner.astype(int).tolist(), (corner + 22).astype(int).tolist(),
                          (60, 110, 150), -1, cv2.LINE_AA)
            cells[2 * hidden:2 * hidden + 2] = ['', '']
        name = f'img{i:04d}.png'
        noisy = image + rng.normal(0, 4, image.shape)
        cv2.imwrite(str(folder / name), noisy.clip(0, 255).astype(np.uint8))
        rows.append([f'labeled-data/{folder.name}/{name}', *cells])
    with open(folder / f'CollectedData_{SCORER}.csv', 'w', newline='') as file:
        csv.writer(file).writerows(rows)


def pose(rng: np.random.Generator) -> np.ndarray:
    """Joints (4, 2) of a mouse inside of the image."""
    angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(70, 120)
    center = rng.uniform((70, 70), np.array(SIZE_WH) - 70)
    bend = rng.uniform(-0.5, 0.5)  # the head turns against the body
    head = SHAPE @ rotation(bend)
    shape = np.where(SHAPE[:, :1] > 0, head, SHAPE)
    return center + length * shape @ rotation(angle)


def rotation(angle: float) -> np.ndarray:
    """Turns row vectors by an angle in radians."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, sin], [-sin, cos]])


def draw_mouse(image: np.ndarray, joints: np.ndarray, fur: np.ndarray) -> None:
    """Draw body, tail, head, ears and nose."""
    nose, left, right, tail = joints
    length = float(np.linalg.norm(nose - tail))
    neck = (left + right) / 2
    body = (0.45 * neck + 0.55 * tail)
    ellipse(image, body, (neck - tail) * 0.62, 0.24 * length, fur)
    ellipse(image, (nose + neck) / 2, (nose - neck) * 0.75, 0.16 * length, fur * 1.1)
    back = (tail - neck) / np.linalg.norm(tail - neck)
    bow = np.array([-back[1], back[0]])
    curve = [tail + length * (0.5 * t * back + 0.12 * np.sin(3 * t) * bow)
             for t in np.linspace(0, 1, 12)]
    cv2.polylines(image, [fixed(np.array(curve))], False, (150, 160, 215), 3, cv2.LINE_AA, SHIFT)
    for ear in (left, right):
        disk(image, ear, 0.08 * length, (150, 150, 220))
    disk(image, nose, 0.035 * length, (120, 110, 230))


def ellipse(image: np.ndarray, center: np.ndarray, axis: np.ndarray, width: float,
            color: np.ndarray) -> None:
    angle = float(np.degrees(np.arctan2(axis[1], axis[0])))
    axes = fixed(np.array([np.linalg.norm(axis), width]))
    cv2.ellipse(image, fixed(center).tolist(), axes.tolist(), angle, 0, 360, color.tolist(), -1,
                cv2.LINE_AA, SHIFT)


def disk(image: np.ndarray, center: np.ndarray, radius: float, color: tuple) -> None:
    cv2.circle(image, fixed(center).tolist(), int(radius * 2 ** SHIFT), color, -1, cv2.LINE_AA,
               SHIFT)


def fixed(points: np.ndarray) -> np.ndarray:
    """Positions as whole numbers of 1/16 of a pixel."""
    return np.rint(points * 2 ** SHIFT).astype(np.int32)


if __name__ == '__main__':
    main()
