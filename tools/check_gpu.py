"""Check that everything computes right and fast on this machine's GPU: ``python tools/check_gpu.py [--out FOLDER] [--quick]``;
``--help`` lists the arguments."""

from videossl.apis.gpu_check.command import command

if __name__ == '__main__':
    command()
