# What every config shares. Sections below: often changed, sometimes, never.

# -- often changed -----------------------------------------------------------------------------
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    # minutes=30 also writes one within an epoch, when the last is so old
    checkpoint=dict(type='rsn_mm.CheckpointHook', interval=1, max_keep_ckpts=3),
    divergence=dict(type='rsn_mm.DivergenceHook', patience=3),
    stop=dict(type='rsn_mm.StopHook'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    seed=dict(type='rsn_mm.SeedHook'),
    workers=dict(type='rsn_mm.WorkersHook'),
    # A score is the map over 255 plus 0.5: an empty map has 0.5.
    summary=dict(type='rsn_mm.RunSummaryHook'),
    visualization=dict(type='rsn_mm.PoseVisualizationHook', enable=False, kpt_thr=0.55))
load_from = None
resume = False

# -- sometimes changed -------------------------------------------------------------------------
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='PoseLocalVisualizer', vis_backends=vis_backends, name='visualizer')
log_processor = dict(type='rsn_mm.LogProcessor', window_size=50, by_epoch=True, num_digits=6)
log_level = 'INFO'
env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl', timeout=600))  # seconds until a frozen process is reported

# -- never changed -----------------------------------------------------------------------------
custom_imports = dict(imports=['rsn_mm'])
default_scope = 'mmpose'
data_mode = 'topdown'  # MMPose's inferencer asks for it
custom_hooks = [
    dict(type='rsn_mm.CheckDataHook'),  # bad annotations stop the run before it starts
    dict(type='SyncBuffersHook'),  # running statistics of all processes agree before evaluation
]
train_cfg = dict(type='rsn_mm.TrainLoop')
val_cfg = dict()
test_cfg = dict()
