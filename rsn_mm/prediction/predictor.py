"""Predicts the keypoints of people in photographs."""

import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, repeat
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample

from rsn_mm.errors import OptionError
from rsn_mm.zoo import DEFAULT_POSE

from .inputs import Boxes, Image, as_boxes, as_image, as_images, as_scored_boxes, inside
from .loading import TORCH, load
from .side_by_side import in_background


class Predictor:
    """Predicts the keypoints of people in boxes, with the model in its test-time form.

    Boxes are extended, cut out and normalized by the test pipeline of the config, and the flip test
    is done if the config says so. The results are those of ``mmpose.apis.inference_topdown`` up to
    rounding. The people of several images share batches, and only coordinates leave the device.

    Example:
        >>> from rsn_mm.apis import Predictor
        >>> predictor = Predictor('config.py', 'checkpoint.pth')  # doctest: +SKIP
        >>> people, = predictor('photo.jpg', [[10, 20, 110, 320]])  # doctest: +SKIP
        >>> people.keypoints.shape  # doctest: +SKIP
        (1, 17, 2)

    Args:
        config: Path of a config file, the name of one that comes with this package, or a config.
            Its model is a ``TopdownPoseEstimator`` of MMPose with any backbone and head. Without a
            checkpoint, the name of a published model, such as ``'mmpose/rsn50x3'``, which is
            downloaded and converted once; ``rsn-mm models`` lists the names.
        checkpoint: File with exactly the weights of the config's model. It is read as weights only.
            Checkpoints of other code must be converted first, see :mod:`rsn_mm.conversion`. With
            another runtime than torch it may also be a file of
            :func:`~rsn_mm.export.files.export_onnx`; whether there is a flip test then depends on
            the file.
        device: Device of the model; by default the GPU if there is one, and the CPU in another
            runtime than torch.
        dtype: ``torch.float32``, ``torch.bfloat16`` or, on a GPU, ``torch.float16``, see
            :func:`optimize`. Networks without a ``MultiStageRSNHead`` run as they are, in float32.
            In OpenVINO the default is float32, and in ONNX Runtime there is no other.
        heatmaps: Return the heatmaps too, which takes memory and time.
        runtime: What computes: ``'torch'``, ``'onnxruntime'`` or ``'openvino'``. The keypoints are
            the same up to rounding. Other runtimes than torch need a ``MultiStageRSNHead``.

    Raises:
        MissingFileError: If the config does not exist.
        CheckpointError: If the checkpoint does not exist, cannot be downloaded or read,
            or does not fit the config's model.
        OptionTypeError: If the model is of another kind.
        OptionError: If the config has no test pipeline, the dataset of the checkpoint has another
            number of joints than the model, ``dtype`` or ``heatmaps`` is not for this model, or
            the runtime has no such device or type.
        ExportError: If an exported file cannot be read, or does not fit the config.
        MissingPackageError: If the runtime is not installed.
    """

    dataset_meta: dict  #: MMPose's: names of keypoints, skeleton, colors, flip indices
    model: Any  #: a ``TopdownPoseEstimator``, or an ``ExportedEstimator`` in another runtime
    has_our_head: bool  #: whether its head is a ``MultiStageRSNHead``
    device: torch.device

    def __init__(self, config: str | Path | Config = DEFAULT_POSE,
                 checkpoint: str | Path | None = None,
                 device: str | torch.device | None = None,
                 dtype: torch.dtype | None = None, heatmaps: bool = False,
                 runtime: str = TORCH) -> None:
        on_gpu = runtime == TORCH and torch.cuda.is_available()
        self.device = torch.device(device or ('cuda' if on_gpu else 'cpu'))
        loaded = load(config, checkpoint, self.device, dtype, heatmaps, runtime)
        self._load_image, self._cut_out = loaded.load_image, loaded.cut_out
        self.dataset_meta, self.model = loaded.dataset_meta, loaded.model
        self.has_our_head = loaded.has_our_head
        self._knows_whole_images = loaded.knows_whole_images
        self._heatmaps = heatmaps

    @property
    def keypoint_names(self) -> list[str]:
        """Names of the joints in the order in which they are predicted."""
        names = self.dataset_meta['keypoint_id2name']
        chosen = self.model.test_cfg.get('output_keypoint_indices')
        return [names[k] for k in (range(len(names)) if chosen is None else chosen)]

    def __call__(self, images: Image | Sequence[Image],
                 boxes_xyxy: Boxes | Sequence[Boxes] = None,
                 batch_size: int = 32) -> list[InstanceData]:
        """Predict the keypoints of the people in images.

        Args:
            images: A path, an array (H, W, 3) uint8 in BGR as OpenCV reads it, a :class:`Frame`,
                or a list of these.
            boxes_xyxy: For each image the boxes of its people: (N, 4) x1, y1, x2, y2 in image
                pixels, (N, 5) with a score as the last column, or ``None`` for the whole image. The
                boxes of a single image need not be in a list. ``None`` alone is the whole image
                for every image.
            batch_size: Number of people in a batch. With the flip test, the network sees twice as
                many images.

        Returns:
            For each image its people in the order of the boxes, as float32 NumPy arrays:
            ``keypoints`` (N, K, 2) x, y in image pixels, ``keypoint_scores`` (N, K),
            ``bboxes_xyxy`` (N, 4) as given, and ``scores`` (N, ), the score of the box times the
            mean score of the joints. N may be 0. If heatmaps were asked for, also ``heatmaps``
            (N, K, h, w) and ``heatmap_boxes_xyxy`` (N, 4), the part of the image that they cover.

        Raises:
            MissingFileError: If an image does not exist.
            OptionTypeError, OptionError: If an image or a box cannot be used. The message names it.
        """
        images = as_images(images)
        crops = self._crops(images, as_boxes(boxes_xyxy, len(images)))
        return list(self._in_batches(crops, batch_size))

    def stream(self, images: Iterable[Image], boxes_xyxy: Iterable[Boxes] | None = None,
               batch_size: int = 32) -> Iterator[InstanceData]:
        """Predict the keypoints of the people in any number of images, one after the other.

        Images are read, and people cut out, while the network is at work, and only those of a few
        batches are in memory.

        Example:
            >>> for people in predictor.stream(Path('photos').glob('*.jpg')):  # doctest: +SKIP
            ...     print(people.keypoints)

        Args:
            images: Anything to iterate over for paths, arrays or frames.
            boxes_xyxy: Likewise for the boxes of each image; without it, the whole image counts.
            batch_size: Number of people in a batch, which may be of several images.

        Yields:
            For each image its people, as the call of a predictor returns them.

        Raises:
            MissingFileError: If an image does not exist.
            OptionTypeError, OptionError: If an image or a box cannot be used, or there are fewer
                boxes than images.
        """
        crops = self._crops(images, repeat(None) if boxes_xyxy is None else boxes_xyxy)
        return self._in_batches(in_background(crops, batch_size), batch_size)

    def crop(self, image: Image, box_xyxy: Sequence[float] | np.ndarray | None = None) -> dict:
        """Return what the network gets for one box.

        Args:
            image: A path, an array (H, W, 3) uint8 in BGR, or a :class:`Frame`.
            box_xyxy: (4, ) in image pixels, or ``None`` for the whole image.

        Returns:
            ``inputs``, the crop (3, H, W) uint8, and ``data_samples``, where it lies in the image.

        Raises:
            MissingFileError: If the image does not exist.
            OptionTypeError, OptionError: If the image or the box cannot be used.
        """
        sample, = self.crops(image, None if box_xyxy is None else [box_xyxy])
        return sample

    def crops(self, image: Image, boxes_xyxy: Boxes = None, name: str = 'image 0') -> list[dict]:
        """Return what the network gets for each box of an image, see :meth:`crop`.

        Args:
            image: A path, an array (H, W, 3) uint8 in BGR, or a :class:`Frame`.
            boxes_xyxy: (N, 4), (N, 5) with scores, or ``None`` for the whole image.
            name: What the image is called in messages.
        """
        image = as_image(0, image)
        if boxes_xyxy is None and not self._knows_whole_images:
            self._knows_whole_images = True  # now the user knows
            warnings.warn('Predictor: whole images without boxes, but the network was trained on '
                          'boxes: joints may be far off, whatever their scores are. Give boxes, or '
                          'train on whole images (docs/custom.md).', stacklevel=2)
        boxes = as_scored_boxes(name, boxes_xyxy)
        loaded = self._load_image(
            dict(img_path=image) if isinstance(image, str) else dict(img=image, img_path=name))
        height, width = loaded['img'].shape[:2]
        return [self._cut_out({
            **loaded, 'bbox': box[None, :4], 'bbox_score': box[4:], **self.dataset_meta})
            for box in inside(name, boxes, (width, height))]

    def predict_crops(self, crops: Sequence[Sequence[dict]], batch_size: int = 32
                      ) -> list[InstanceData]:
        """Predict from what :meth:`crops` has cut out of several images.

        Args:
            crops: For each image its crops.
            batch_size: Number of people in a batch.

        Returns:
            For each image its people, as the call of a predictor returns them.
        """
        return list(self._in_batches(iter(crops), batch_size))

    def _crops(self, images: Iterable[Image], boxes: Iterable[Boxes]) -> Iterator[list[dict]]:
        """Cut the boxes out of the images, reading one image at a time."""
        boxes = iter(boxes)
        for i, image in enumerate(images):
            try:
                its_boxes = next(boxes)
            except StopIteration:
                raise OptionError(f'boxes_xyxy: {i} entries, expected one per image') from None
            yield self.crops(as_image(i, image), its_boxes, f'image {i}')

    def _in_batches(self, crops: Iterator[Sequence[dict]], batch_size: int
                    ) -> Iterator[InstanceData]:
        """Predict the people of images, which share batches; yields an entry per image."""
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise OptionError(f'batch_size={batch_size!r}, expected a positive integer')
        sizes: deque[int] = deque()  # number of people in the images that were not yielded yet
        people: deque[InstanceData] = deque()  # of these images
        flat = self._flat(crops, sizes)
        while batch := list(islice(flat, batch_size)):
            people.extend(self._predict(batch))
            # The last image may have more people, which come with the next batch.
            while len(sizes) > 1 and sizes[0] <= len(people):
                yield self._gather([people.popleft() for _ in range(sizes.popleft())])
        for size in sizes:
            yield self._gather([people.popleft() for _ in range(size)])

    @staticmethod
    def _flat(crops: Iterator[Sequence[dict]], sizes: deque[int]) -> Iterator[dict]:
        """The crops of all images, whose numbers are noted in ``sizes``."""
        for image in crops:
            sizes.append(len(image))
            yield from image

    @torch.inference_mode()
    def _predict(self, crops: list[dict]) -> list[InstanceData]:
        """Predict the person of each crop."""
        samples: list[PoseDataSample] = self.model.test_step(pseudo_collate(crops))
        for sample in samples if self._heatmaps else ():
            people, size = sample.pred_instances, sample.input_scale
            corner = sample.input_center - size / 2
            people.heatmaps = sample.pred_fields.heatmaps.float().numpy(force=True)[None]
            people.heatmap_boxes = np.concatenate([corner, corner + size])[None]
        return [sample.pred_instances for sample in samples]

    def _gather(self, people: list[InstanceData]) -> InstanceData:
        """One entry with all people of an image."""
        chosen = self.model.test_cfg.get('output_keypoint_indices')
        joints = self.dataset_meta['num_keypoints'] if chosen is None else len(chosen)

        def stack(name: str, *shape: int) -> np.ndarray:
            # The empty array gives the shape if there is nobody.
            return np.concatenate([np.zeros((0, *shape)), *(p[name] for p in people)]
                                  ).astype(np.float32)

        joint_scores = stack('keypoint_scores', joints)
        entry = InstanceData(
            keypoints=stack('keypoints', joints, 2), keypoint_scores=joint_scores,
            bboxes_xyxy=stack('bboxes', 4),
            scores=(stack('bbox_scores') * joint_scores.mean(axis=1)).astype(np.float32))
        if self._heatmaps and people:
            entry.heatmaps = stack('heatmaps', *people[0].heatmaps.shape[1:])
            entry.heatmap_boxes_xyxy = stack('heatmap_boxes', 4)
        return entry
