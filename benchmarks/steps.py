"""The steps that a user waits for, each as one or more races between MMPose and this package."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.registry import KEYPOINT_CODECS
from torch import Tensor

from rsn_mm.apis import optimize
from rsn_mm.optimization.training_graphs import TrainingGraphs

from . import networks
from .data import BATCH_SIZE, batch_times, evaluation_runners, loaders, times_by_transform
from .machine import computes_bfloat16, count_flops, forms_on
from .memory import training_memory
from .networks import Case
from .precision import QUANTILES, keypoint_shifts
from .runtimes import latencies, open_runtimes
from .server import CONFIG, answer_times, is_installed, running_server
from .timing import REFERENCE, Race, run_race

RSN18, RSN18X4 = Case(), Case(stages=4)
RSN50, RSN50X2, RSN50X3, RSN50X4 = (Case(50, stages=stages) for stages in (1, 2, 3, 4))
MSPN50 = Case(50, family='MSPN')
#: The networks whose prediction and training are timed, with their batch sizes. On a processor they
#: are the released ones of MMPose's model zoo and 4xRSN-18.
FORWARD_CPU = {RSN18: (1, 8, 32), RSN18X4: (8, 32), RSN50: (1, 8, 32), RSN50X2: (8,), RSN50X3: (8,),
               MSPN50: (1, 8)}
FORWARD_GPU = {case: (1, 8, 32, 128) for case in (RSN18, RSN50, RSN50X4, MSPN50)}
TRAIN_CPU = {case: 8 for case in (RSN18, RSN18X4, RSN50, RSN50X2, MSPN50)}
TRAIN_GPU = {case: 32 for case in (RSN18, RSN50, RSN50X4)}
#: Largest number of rounds in a long race.
LONG_ROUNDS = 3
#: Single calls for each round, for the quantiles of the latency.
CALLS_PER_ROUND = 20
#: Seconds for each round in which clients send requests to the server.
SECONDS_PER_ROUND = 3.
#: Images that calibrate int8; they are random, as the weights are.
CALIBRATION_IMAGES = 16


@dataclass(frozen=True)
class Settings:
    """How to measure.

    Args:
        device: Device of the networks.
        rounds: Number of rounds in every race.
        data_config: Path of the config whose test data are read and evaluated.
        recipe: Path of the config whose training pipeline reads them.
        compile: Whether the networks compiled with ``torch.compile`` race too.
        checkpoint: Path of a checkpoint of the model in ``data_config``, for the step
            ``precision``.
    """

    device: torch.device
    rounds: int
    data_config: str
    recipe: str
    compile: bool = False
    checkpoint: str | None = None


def encode(settings: Settings, batch_size: int = 32) -> Iterator[Race]:
    """Target heatmaps, per sample."""
    case = RSN18
    codec = KEYPOINT_CODECS.build(case.codec)
    theirs = [KEYPOINT_CODECS.build(cfg) for cfg in case.mmpose_codecs]
    poses = networks.random_poses(batch_size, case)
    visible = torch.full(poses.shape[:2], 2, device=settings.device)
    on_device = torch.from_numpy(poses).to(settings.device)

    def draw_theirs() -> None:
        for pose in poses:
            for level in theirs:
                level.encode(pose[None], visible_numpy)

    visible_numpy = visible[:1].numpy(force=True)
    times = run_race({REFERENCE: draw_theirs, 'ours': lambda: codec.render(on_device, visible)},
                     settings.rounds, settings.device)
    yield Race('targets', f'{len(theirs)} levels, {case.joints} joints, batch {batch_size}', times,
               items=batch_size)


def decode(settings: Settings, batch_size: int = 64) -> Iterator[Race]:
    """Keypoints from heatmaps."""
    case = RSN18
    codec = KEYPOINT_CODECS.build(case.codec)
    theirs = KEYPOINT_CODECS.build(case.mmpose_codecs[-1])
    poses = torch.from_numpy(networks.random_poses(batch_size, case))
    noise = torch.rand(batch_size, case.joints, *case.heatmap_size_wh[::-1],
                       generator=torch.Generator().manual_seed(0))
    clean = codec.render(poses, torch.full(poses.shape[:2], 2))[:, -1]
    for name, heatmaps in (('joints', clean + noise), ('noise only', noise * 255)):
        on_device = heatmaps.to(settings.device)

        def decode_theirs(on_device: Tensor = on_device) -> list:
            return [theirs.decode(maps) for maps in on_device.numpy(force=True)]

        yield Race('decode', f'{name}, {case.joints} maps, batch {batch_size}', run_race(
            {REFERENCE: decode_theirs,
             'ours': lambda on_device=on_device: codec.batch_decode(on_device)},
            settings.rounds, settings.device), items=batch_size)


def loader(settings: Settings) -> Iterator[Race]:
    """Training samples, and the time that each part of the pipeline takes."""
    for size_wh in ((192, 256), (288, 384)):
        samples = loaders(settings.data_config, settings.recipe, size_wh)
        race = Race('loader', f'{size_wh[1]}x{size_wh[0]}, one process', run_race(
            {name: side.read for name, side in samples.items()}, settings.rounds,
            torch.device('cpu'), warm_up=1), items=next(iter(samples.values())).count)
        for name, side in samples.items():
            race.facts[f'{name}, bytes of a sample'] = f'{side.sample_bytes():,}'
        for name, side in samples.items():
            seconds = {**times_by_transform(side), **batch_times(side)}
            race.facts[f'{name}, ms'] = ', '.join(
                f'{what} {value * 1e3:.2f}' for what, value in seconds.items())
        yield race


def train(settings: Settings) -> Iterator[Race]:
    """Forward, loss, accuracy and backward. MMPose's head does not compute its accuracy in bf16."""
    on_gpu = settings.device.type == 'cuda'
    for case, batch_size in (TRAIN_GPU if on_gpu else TRAIN_CPU).items():
        images = networks.random_images(batch_size, case.size_wh, settings.device)
        samples = {name: networks.training_samples(batch_size, case, cfg, settings.device)
                   for name, cfg in networks.target_transforms(case).items()}
        theirs, mine = networks.build_pair(case, settings.device)

        def twin(case: Case = case, mine: TopdownPoseEstimator = mine) -> TopdownPoseEstimator:
            model = networks.build(networks.our_model(case), settings.device)
            model.load_state_dict(mine.state_dict())
            return model

        contestants = {REFERENCE: networks.training_step(theirs, images, samples[REFERENCE])}
        if on_gpu:
            for name, amp in (('ours', False), ('ours, bf16 AMP', True)):
                model = twin().train()
                with torch.autocast('cuda', torch.bfloat16, enabled=amp):
                    TrainingGraphs(model, images).install()
                contestants[name] = networks.training_step(model, images, samples['ours'], amp)
            contestants['ours, no CUDA graphs'] = networks.training_step(
                mine, images, samples['ours'])
        else:
            contestants['ours'] = networks.training_step(mine, images, samples['ours'])
            if computes_bfloat16(settings.device):
                contestants['ours, bf16 AMP'] = networks.training_step(
                    mine, images, samples['ours'], amp=True)
        if settings.compile:
            compiled = twin()
            compiled.forward = torch.compile(compiled.forward)
            contestants['ours, compiled, bf16 AMP'] = networks.training_step(
                compiled, images, samples['ours'], amp=True)
        # The operations of a graph are not counted, but they are those of plain training.
        flops = {REFERENCE: count_flops(contestants[REFERENCE]),
                 'ours': count_flops(networks.training_step(mine, images, samples['ours']))}
        yield Race('training step', f'{case}, batch {batch_size}', run_race(
            contestants, settings.rounds, settings.device), items=batch_size, flops=flops)


def forward(settings: Settings) -> Iterator[Race]:
    """The last heatmaps of a batch of images, without the flip test."""
    cases = FORWARD_GPU if settings.device.type == 'cuda' else FORWARD_CPU
    for case, batch_sizes in cases.items():
        theirs, mine = networks.build_pair(case, settings.device)
        forms = _forms(mine, settings.compile)
        for batch_size in batch_sizes:
            images = networks.random_images(batch_size, case.size_wh, settings.device)
            yield _forward_race(case, theirs, forms, images, settings)


def _forms(model: TopdownPoseEstimator, compiled: bool) -> dict[str, TopdownPoseEstimator]:
    forms = {}
    for name, dtype in forms_on(next(model.parameters()).device).items():
        forms[f'optimized {name}'] = optimize(model, dtype=dtype)
        if compiled:
            forms[f'optimized {name}, compiled'] = optimize(model, dtype=dtype, compile=True)
    return forms


def _forward_race(case: Case, theirs: TopdownPoseEstimator, forms: dict, images: Tensor,
                  settings: Settings) -> Race:
    contestants = {REFERENCE: networks.last_heatmaps(theirs, images)}
    for name, model in forms.items():
        contestants[name] = torch.no_grad()(lambda model=model: model.heatmaps(images))
    expected = contestants[REFERENCE]()
    facts = {}
    for name, call in contestants.items():
        if name != REFERENCE:
            difference = ((call() - expected).abs().max() / expected.abs().max()).item()
            facts[f'{name}, largest difference'] = f'{difference:.1e} of the largest value'
    flops = {REFERENCE: count_flops(contestants[REFERENCE])}
    for name, model in forms.items():
        if 'compiled' not in name:
            # The operations of a compiled network or of a graph cannot be counted.
            graphs, model.graphs = model.graphs, None
            flops[name] = count_flops(contestants[name])
            model.graphs = graphs
    return Race('forward', f'{case}, batch {len(images)}',
                run_race(contestants, settings.rounds, settings.device),
                items=len(images), flops=flops, facts=facts)


def runtimes(settings: Settings) -> Iterator[Race]:
    """The runtimes of exported networks on the processor: throughput, and single calls in turns."""
    if settings.device.type != 'cpu':
        return
    case = RSN18
    theirs, mine = networks.build_pair(case, settings.device)
    forms = _forms(mine, settings.compile)
    sessions, missing = open_runtimes(
        mine, networks.random_images(CALIBRATION_IMAGES, case.size_wh, settings.device))
    for batch_size in (1, 8):
        images = networks.random_images(batch_size, case.size_wh, settings.device)
        contestants = {REFERENCE: networks.last_heatmaps(theirs, images)}
        for name, model in forms.items():
            contestants[name] = partial(torch.no_grad()(model.heatmaps), images)
        for name, session in sessions.items():
            contestants[name] = partial(session, images.numpy())
        singles = run_race(contestants, settings.rounds * CALLS_PER_ROUND, settings.device,
                           min_turn=0)
        yield Race('runtimes', f'{case}, batch {batch_size}',
                   run_race(contestants, settings.rounds, settings.device), items=batch_size,
                   facts={**latencies(singles), **missing})


def server(settings: Settings) -> Iterator[Race]:
    """The server of demo/, with one client and with eight, each of which waits for its answer."""
    if not is_installed():
        yield Race('server', CONFIG.stem, {}, facts={
            'missing': 'pip install -r demo/requirements-serve.txt'})
        return
    seconds = settings.rounds * SECONDS_PER_ROUND
    with TemporaryDirectory() as folder, running_server(Path(folder), settings.device) as host:
        answer_times(host, 1, SECONDS_PER_ROUND)  # to warm up
        for clients in (1, 8):
            times = answer_times(host, clients, seconds)
            yield Race('server', f'{CONFIG.stem}, flip test, clients: {clients}', {}, facts={
                'requests a second': f'{len(times.seconds) / seconds:.1f}',
                **latencies({'answer': times})})


def others(settings: Settings, batch_size: int = 8) -> Iterator[Race]:
    """Alternatives to RSN from MMPose, next to our networks."""
    case = RSN18
    images = networks.random_images(batch_size, case.size_wh, settings.device)
    theirs, released = networks.build_pair(case, settings.device)
    contestants = {REFERENCE: networks.last_heatmaps(theirs, images)}
    for name in networks.OTHERS:
        model = networks.build_other(name, settings.device)
        networks.calibrate(model, images[:2])
        contestants[f'MMPose {name}'] = networks.last_heatmaps(model, images)
    mine = {'RSN-18 released': released}
    for depth in (18, 50):
        paper = networks.build(networks.our_model(Case(depth), variant='paper'), settings.device)
        networks.calibrate(paper, images[:2])
        mine[f'RSN-{depth} paper'] = paper
    for name, model in mine.items():
        for form, fast in _forms(model, settings.compile).items():
            contestants[f'{name}, {form}'] = torch.no_grad()(
                lambda fast=fast: fast.heatmaps(images))
    yield Race('networks', f'256x192, batch {batch_size}; ratio to {REFERENCE} RSN-18',
               run_race(contestants, settings.rounds, settings.device), items=batch_size)


def evaluation(settings: Settings) -> Iterator[Race]:
    """A test run over the data, with flip test and metric."""
    with TemporaryDirectory() as work_dir:
        case, runners, persons = evaluation_runners(
            settings.data_config, settings.device, work_dir)
        times = run_race({name: runner.test for name, runner in runners.items()},
                         min(settings.rounds, LONG_ROUNDS), settings.device, warm_up=0)
    yield Race('evaluation', f'{case}, {persons} persons, flip test, batch {BATCH_SIZE}', times,
               items=persons)


def memory(settings: Settings) -> Iterator[Race]:
    """Peak memory of a training step; each figure is measured in a process of its own."""
    if settings.device.type == 'cpu' and not Path('/proc/self/status').exists():
        return  # peak memory cannot be measured
    peaks = training_memory(settings.device)
    yield Race('memory', 'training step, RSN-18 256x192, 32 images', {}, facts={
        name: f'{peak / 2**20:,.0f} MiB' for name, peak in peaks.items()})


def scaling(settings: Settings) -> Iterator[Race]:
    """How the time grows with stages, batch and input size."""
    cases = [(Case(stages=stages), 8) for stages in (1, 2, 3, 4)]
    cases += [(RSN18, batch_size) for batch_size in (1, 2, 4, 16, 32)]
    cases += [(Case(size_wh=size_wh), 8) for size_wh in ((96, 128), (288, 384))]
    for case, batch_size in cases:
        theirs, mine = networks.build_pair(case, settings.device)
        images = networks.random_images(batch_size, case.size_wh, settings.device)
        race = _forward_race(case, theirs, _forms(mine, compiled=False), images, replace(
            settings, rounds=min(settings.rounds, LONG_ROUNDS)))
        race.step = 'scaling'
        race.facts.clear()
        yield race


def precision(settings: Settings) -> Iterator[Race]:
    """How far the keypoints of a trained network move in its test-time forms."""
    if settings.checkpoint is None:
        return
    shifts = keypoint_shifts(settings.data_config, settings.checkpoint, settings.device)
    count = len(next(iter(shifts.values())))
    yield Race('precision', f'{count:,} keypoints of {settings.data_config}', {}, facts={
        f'optimized {name}, quantile {quantile:g}': f'{np.quantile(values, quantile):.4f} input px'
        for name, values in shifts.items() for quantile in QUANTILES})


#: The races of each step. The steps of prediction come first, because after training the process
#: holds memory in which a forward pass of MMPose is faster than in a process that only predicts.
STEPS: dict[str, Callable[[Settings], Iterator[Race]]] = {
    step.__name__: step for step in (
        forward, scaling, runtimes, server, decode, evaluation, others, precision, encode, loader,
        train, memory)}
