#!/usr/bin/env python
"""Find the keypoints of people in a photograph with a file of `rsn-mm export`.

It needs numpy, opencv-python and onnxruntime, and nothing else:
    python demo/onnx_predict.py model.onnx person.jpg --box 17 90 83 207 --out keypoints.png
"""

import argparse
import json
import sys

import cv2
import numpy as np
import onnxruntime

#: Joints below this score are not drawn. An empty heatmap gives 0.5.
SCORE_THRESHOLD = 0.55


def open_model(path: str) -> tuple[onnxruntime.InferenceSession, dict]:
    """A session, and the properties of the file by name."""
    try:
        session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
    except Exception as error:
        sys.exit(f'{path} is not an ONNX file that onnxruntime can read: {error}')
    stored = session.get_modelmeta().custom_metadata_map
    properties = {name.removeprefix('rsn_mm.'): json.loads(value)
                  for name, value in stored.items() if name.startswith('rsn_mm.')}
    if properties.get('output') != 'keypoints' or not properties['box_extension']:
        sys.exit(f'{path}: expected a file of `rsn-mm export` that gives keypoints, made from a '
                 'config whose test pipeline extends boxes by fixed fractions')
    return session, properties


def cut_out(image: np.ndarray, box: np.ndarray, properties: dict) -> tuple[np.ndarray, np.ndarray]:
    """The crop (H, W, 3) of a box x1, y1, x2, y2, and the matrix (2, 3) from the image to it."""
    width, height = properties['input_size']
    box_size = (box[2:] - box[:2]) * (1 + np.array(properties['box_extension']))
    scale = min(np.array([width, height]) / np.maximum(box_size, 1e-6))
    middle = np.array([width, height]) / 2 - scale * (box[:2] + box[2:]) / 2
    matrix = np.array([[scale, 0, middle[0]], [0, scale, middle[1]]])
    return cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR), matrix


def predict(session: onnxruntime.InferenceSession, properties: dict, image: np.ndarray,
            boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints (N, K, 2) in image pixels and scores (N, K) of the people in boxes (N, 4)."""
    crops, matrices = zip(*(cut_out(image, box, properties) for box in boxes))
    batch = np.stack(crops).transpose(0, 3, 1, 2)
    if properties['color_order'] == 'RGB':
        batch = batch[:, ::-1]
    if not properties['normalize']:
        mean, std = (np.array(properties[name])[:, None, None] for name in ('mean', 'std'))
        batch = (batch - mean) / std
    batch = np.ascontiguousarray(batch, properties['input_type'])
    keypoints, scores = session.run(['keypoints', 'scores'], {'images': batch})
    matrices = np.stack(matrices)
    return (keypoints - matrices[:, None, :, 2]) / matrices[:, :1, :1], scores


def draw(image: np.ndarray, keypoints: np.ndarray, scores: np.ndarray, skeleton: list) -> None:
    """Draw the joints and limbs of people into an image."""
    radius = max(2, min(image.shape[:2]) // 150)
    for points, shown in zip(np.rint(keypoints).astype(int), scores >= SCORE_THRESHOLD):
        for a, b in skeleton:
            if shown[a] and shown[b]:
                cv2.line(image, points[a].tolist(), points[b].tolist(), (0, 200, 255), radius)
        for point in points[shown].tolist():
            cv2.circle(image, point, radius + 1, (0, 0, 255), -1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('model', help='file of rsn-mm export')
    parser.add_argument('image', help='photograph')
    parser.add_argument('--box', nargs=4, type=float, action='append', metavar='N',
                        help='x1 y1 x2 y2 of a person in pixels; once for each person (default: '
                        'the whole image is one person)')
    parser.add_argument('--out', help='picture to write')
    args = parser.parse_args()
    session, properties = open_model(args.model)
    image = cv2.imread(args.image)
    if image is None:
        sys.exit(f'{args.image} cannot be read as an image')
    boxes = np.array(args.box or [[0, 0, image.shape[1], image.shape[0]]])
    if (boxes[:, :2] >= boxes[:, 2:]).any():
        sys.exit('--box: expected x1 < x2 and y1 < y2')
    keypoints, scores = predict(session, properties, image, boxes)
    for joints in np.concatenate([keypoints, scores[..., None]], axis=-1).round(2).tolist():
        print(json.dumps(dict(zip(properties['keypoints'], joints))))
    if args.out:
        draw(image, keypoints, scores, properties['skeleton'])
        if not cv2.imwrite(args.out, image):
            sys.exit(f'--out {args.out} cannot be written')


if __name__ == '__main__':
    main()
