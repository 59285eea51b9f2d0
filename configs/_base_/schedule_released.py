# The released recipe: Adam, linear warm-up from a tenth over 2,400 iterations, then linear decay to
# 0. Dataset bases add `max_epochs` and the decay. 5e-4 per GPU, 8 GPUs of 32 images each.
optim_wrapper = dict(
    type='rsn_mm.AmpOptimWrapper',
    dtype='bfloat16',  # heatmaps run to 255: fp16 overflows
    optimizer=dict(type='Adam', lr=8 * 5e-4, weight_decay=1e-5))
auto_scale_lr = dict(base_batch_size=8 * 32)
warmup = dict(type='LinearLR', start_factor=0.1, begin=0, end=2400, by_epoch=False)
