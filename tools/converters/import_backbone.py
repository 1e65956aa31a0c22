"""A backbone from its authors' checkpoint: ``python tools/converters/import_backbone.py SOURCE --out FILE.pth``; ``--help``
lists the arguments."""

import argparse

from videossl.apis.user_errors import run_command
from videossl.checkpoints import FAMILIES, import_backbone, write_weights
from videossl.checkpoints.writing import check_format


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Bring a backbone from its authors' checkpoint into videossl's names.")
    parser.add_argument('source', help='checkpoint of the authors')
    parser.add_argument('--out', required=True, help='new file: .pth or .safetensors')
    parser.add_argument('--family', default='auto', choices=['auto', *FAMILIES], help='whose file it is; default: auto')
    parser.add_argument(
        '--backbone',
        default='auto',
        metavar='NAME',
        help='the net that is expected: r3d-10, r3d-18, r2plus1d-10, r2plus1d-18, torchvision-r2plus1d-18, c3d, '
        'resnet3d-18, s3dg, vit-ti, vit-s, vit-b; default: whatever is there',
    )
    parser.add_argument(
        '--encoder',
        default='query',
        choices=['query', 'key'],
        help='encoder_q or encoder_k, where the file has both; default: query',
    )
    parser.add_argument('--prefix', help="what the backbone's names begin with; default: found")
    parser.add_argument(
        '--heads', action='store_true', help="also RSPNet's fc1 and fc2, as necks.appearance and necks.motion"
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    check_format(args.out)
    imported = import_backbone(args.source, args.family, args.backbone, args.encoder, args.prefix, args.heads)
    digest = write_weights(args.out, imported.tensors, imported.meta)
    print(imported.report)
    print(f'  {args.out}: SHA-256 {digest}')


if __name__ == '__main__':
    run_command(main, own_errors=True)
