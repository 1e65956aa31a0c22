# VideoPace's S3D-G, the net of HowTo100M without its space-to-depth stem, and the larger clips that it sees: 64 frames of
# 224x224, cut from frames that are squeezed to 256x256 [code]. The configs of this net read these.
video_pace_s3dg = dict(
    backbone=dict(
        type='S3DG', stem_conv='full', gating='linear', pool_padding='far_side', bn_eps=1e-5, bn_momentum=0.1
    ),
    resize=dict(scale=(256, 256), keep_ratio=False),
    train_dataloader=dict(
        batch_size=32,
        dataset=dict(
            pipeline=dict(
                sample=dict(clip_len=64),
                clips=dict(transforms=dict(resize=dict(scale=(256, 256), keep_ratio=False), crop=dict(size=224))),
            )
        ),
    ),
)
