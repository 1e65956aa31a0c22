"""The page that ``tools/check_gpu.py`` writes."""

from collections.abc import Iterable

NOT_CHECKS = ('device', 'versions', 'machine', 'quick', 'left_out', 'seconds')


def failures(report: dict) -> list[str]:
    """The parts of checks that failed or ended with an error, as ``check: part``."""
    return [
        f'{check}: {part}'
        for check, parts in report.items()
        if check not in NOT_CHECKS
        for part, result in parts.items()
        if isinstance(result, dict) and result.get('ok') is False
    ]


def table(head: Iterable[str], rows: Iterable[Iterable]) -> list[str]:
    """A Markdown table; a sentence without rows."""
    rows = [[shown(cell) for cell in row] for row in rows]
    head = list(head)
    if not rows:
        return ['Nothing was measured.', '']
    lines = [head, ['---'] * len(head), *rows]
    return ['| ' + ' | '.join(cells) + ' |' for cells in lines] + ['']


def shown(value: object) -> str:
    """A cell: three digits of a number."""
    if value is None:
        return '-'
    if isinstance(value, bool):
        return 'yes' if value else 'NO'
    if isinstance(value, float):
        if value != value:
            return '-'
        if value and abs(value) < 1e-2:
            return f'{value:.1e}'
        return f'{value:,.0f}' if abs(value) >= 100 else f'{value:.3g}'
    return str(value)


def cells(result: dict, keys: str) -> list:
    """The entries of a result, by their names in a text."""
    return [result[key] for key in keys.split()]


def good(parts: dict) -> dict[str, dict]:
    """The parts that did not end with an error."""
    return {name: result for name, result in parts.items() if not (isinstance(result, dict) and 'error' in result)}


def markdown(report: dict) -> str:
    """The whole page."""
    found = report['versions']
    machine = report['machine']
    lines = [
        f'## {report["device"]}',
        '',
        f'{machine["cores"]} cores ({machine["cpu"]}), Python {found["python"]}, torch {found["torch"]}, videossl '
        f'{found["videossl"]}. Written by `tools/check_gpu.py{" --quick" if report["quick"] else ""}` in '
        f'{sum(report["seconds"].values()) / 60:.1f} minutes.',
        '',
    ]
    for name, section in SECTIONS.items():
        if report.get(name):
            lines += section(report[name])
            errors = [part for part, result in report[name].items() if isinstance(result, dict) and 'error' in result]
            lines += [f'- **{part}** ended with an error: {report[name][part]["error"]}' for part in errors]
            lines += [''] if errors else []
    if report['left_out']:
        lines += [f'No time was left for: {"; ".join(report["left_out"])}.', '']
    return '\n'.join(lines).rstrip()


def _ceilings(parts: dict) -> list[str]:
    peaks = good(parts).get('peaks', {})
    rates = [f'{name} {shown(2 * peaks[name] / 1e3)} TFLOP/s' for name in ('fp32', 'tf32', 'bf16') if name in peaks]
    copies = [
        f'{title} {shown(peaks[name])} GB/s'
        for name, title in (
            ('copy', 'copy within its memory (bytes read and written)'),
            ('pinned', 'from pinned host memory'),
            ('pageable', 'from pageable host memory'),
        )
        if name in peaks
    ]
    return ['**Ceilings**, measured by a plain matrix product and plain copies: ' + ', '.join(rates + copies) + '.', '']


def _agreement(parts: dict) -> list[str]:
    return [
        "**Loss and gradients** in fp32 (TF32 off) on the same weights and clips; relative errors: of losses to the CPU's, of "
        'all gradients to those of a backbone in fp64, beside those of the CPU in fp32.',
        '',
        *table(
            ('method', 'loss', 'losses', 'gradients', 'gradients on the CPU', 'worst parameter', 'its error', 'passed'),
            (
                (
                    *(name, *cells(r, 'loss loss_error gradient_error cpu_gradient_error')),
                    *(f'`{r["worst_parameter"]}`', *cells(r, 'worst_error ok')),
                )
                for name, r in good(parts).items()
            ),
        ),
    ]


def _curves(parts: dict) -> list[str]:
    rows = [
        (
            name,
            *(r['quarters'][precision][place] for place in (0, -1) for precision in ('fp32', 'bf16')),
            r['largest_difference'],
            r['ok'],
        )
        for name, r in good(parts).items()
    ]
    count = max((len(r['curves']['fp32']) for r in good(parts).values()), default=0)
    return [
        f'**bf16 against fp32**, {count} iterations on the same batches from the same weights; mean losses of the first and '
        'the last quarter, and the largest difference of a quarter as a share of the first.',
        '',
        *table(('method', 'first, fp32', 'first, bf16', 'last, fp32', 'last, bf16', 'difference', 'passed'), rows),
    ]


def _waiting(parts: dict) -> list[str]:
    lines: dict[str, dict[str, float]] = {}
    for name, result in good(parts).items():
        for line, count in result['waits'].items():
            lines.setdefault(line, {})[name] = count
    rows = [
        (f'`{line}`', f'{min(counts.values()):g} to {max(counts.values()):g}', len(counts))
        for line, counts in sorted(lines.items(), key=lambda entry: -sum(entry[1].values()))
    ]
    return [
        f'**Where the host waits for the device** in an iteration, over {len(good(parts))} methods:',
        '',
        *table(('in the code', 'times an iteration', 'methods'), rows),
    ]


def _resuming(parts: dict) -> list[str]:
    return [
        f'**Killed and resumed** ({name}): killed after {r["killed_after"]}, '
        + (
            f'the last checkpoint is identical to the bit to that of a run without a break ({r["tensors"]} tensors).'
            if r['identical']
            else f'the last checkpoint differs from that of a run without a break by up to {shown(r["largest_difference"])}.'
        )
        for name, r in good(parts).items()
    ] + ['']


def _feeding(parts: dict) -> list[str]:
    parts = good(parts)
    kinds = [name for name in ('raw', 'compacted', 'ready') if name in parts]
    numbers = sorted({int(number) for kind in kinds for number in parts[kind]})
    by_number = {kind: {int(number): rate for number, rate in parts[kind].items()} for kind in kinds}
    lines = [
        "**Data feeding**: samples/s that VSPP's loader delivers (one clip of 16 x 112 x 112 from a file of 256 x 256, with "
        'colour jitter), by number of workers, with nothing else running. "ready": samples that the workers have made before, so '
        'that nothing but their way to the training process and into pinned memory is left.',
        '',
        *table(
            ('workers', *map(str, numbers)),
            ((kind, *(by_number[kind].get(number) for number in numbers)) for kind in kinds),
        ),
    ]
    if 'transfer' in parts:
        transfer = parts['transfer']
        times = ', '.join(
            f'{transfer[name]["median"]:.2f} ms from {name} memory'
            for name in ('pinned', 'pageable')
            if name in transfer
        )
        lines += [
            f'A batch of {transfer["samples"]} clips, {transfer["mebibytes"]:.0f} MiB of uint8, is on the device as normalised '
            f'floats after {times}.',
            '',
        ]
    return lines


def _steps(parts: dict) -> list[str]:
    return [
        '**Training iterations** at the papers\' sizes, batches held in memory, with all hooks and the log; "busy" is the share '
        'of the time in which the GPU computed.',
        '',
        *table(
            ('method', 'samples/s', 'clips a sample', 'ms an iteration', 'busy, %', 'precision', 'memory, GiB'),
            (
                (
                    *(name, *cells(r, 'samples_per_second clips_per_sample ms')),
                    None if r['busy_ms'] is None else 100 * r['busy_ms'] / r['ms'],
                    *cells(r, 'precision memory'),
                )
                for name, r in good(parts).items()
            ),
        ),
    ]


def _nets(parts: dict) -> list[str]:
    rows = []
    parts = good(parts)
    order = list(dict.fromkeys(key.partition(' | ')[0] for key in parts))
    for key, r in parts.items():
        net, _, setting = key.partition(' | ')
        plain = parts.get(f'{net} | bf16', {}).get('clips_per_second')
        times = None if plain is None else r['clips_per_second'] / plain
        spread = f'{r["least"]:.1f} to {r["most"]:.1f}'
        rates = 2 * r['gmac_per_second'] / 1e3, 100 * r['share']
        rows.append((net, setting, r['clips_per_second'], times, r['ms'], spread, *rates, r['memory']))
    rows.sort(key=lambda row: order.index(row[0]))
    head = 'net | setting | clips/s | times bf16 | ms | least to most | TFLOP/s | share of peak, % | memory, GiB'.split(
        ' | '
    )
    return [
        '**Every net**, forward and backward pass; the share is of the matrix product in the same precision.',
        '',
        *table(head, rows),
    ]


SECTIONS = dict(
    ceilings=_ceilings,
    agreement=_agreement,
    curves=_curves,
    waiting=_waiting,
    resuming=_resuming,
    feeding=_feeding,
    steps=_steps,
    nets=_nets,
)
