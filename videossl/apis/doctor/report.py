"""What tools/doctor.py prints."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .machine import Trap, as_gib
from .verdict import GROUPS

MOST_NAMED = 10


def as_duration(seconds: float) -> str:
    """Seconds as text."""
    for unit, length in (('days', 86400), ('hours', 3600), ('minutes', 60)):
        if seconds >= 2 * length:
            return f'{seconds / length:.1f} {unit}'
    return f'{seconds:.3g} seconds'


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify='left', title_style='bold', show_header=any(columns))
    for number, column in enumerate(columns):
        table.add_column(column, justify='right' if number and len(columns) > 2 else 'left', overflow='fold')
    return table


def print_machine(
    console: Console, found: dict[str, str | None], facts: dict, repaired: dict[str, str], traps: list[Trap]
) -> None:
    """Versions, machine, repairs and traps."""
    table = _table('versions', '', '')
    for name, version in found.items():
        table.add_row(name, version or 'not installed')
    console.print(table)

    table = _table('machine', '', '')
    for gpu in facts['accelerators']:
        table.add_row('accelerator', f'{gpu["name"]}, {as_gib(gpu["memory"])}')
    quota = '' if facts['core_quota'] is None else f', limited to the time of {facts["core_quota"]:g}'
    for name, value in (
        ('trains on', facts['device']),
        ('processor', facts['cpu']),
        (
            'cores',
            f'{facts["cores"]} of {facts["cores_of_machine"]} for this process{quota}; torch uses {facts["threads"]}',
        ),
        ('bf16 in hardware', 'yes' if facts['bf16'] else 'no: auto precision means fp32'),
        ('memory', f'{as_gib(facts["memory"])}, {as_gib(facts["memory_available"])} available'),
        ('free on the disk', as_gib(facts['disk_free'])),
        ('/dev/shm', as_gib(facts['shared_memory'])),
        ('system', facts['system']),
    ):
        table.add_row(name, value)
    console.print(table)

    table = _table('repaired in this process (videossl/compat.py)', '', '')
    for name, reason in repaired.items():
        table.add_row(name, escape(reason))
    console.print(table)

    found_traps = [trap for trap in traps if trap.found]
    for trap in found_traps:
        console.print(f'[yellow]trap:[/] {escape(trap.name)}: {escape(trap.remedy)}', highlight=False)
    rest = [trap.name for trap in traps if not trap.found]
    console.print(
        f'{"other " if found_traps else ""}known traps, not found: {escape("; ".join(rest))}', highlight=False
    )


def print_measurement(console: Console, measured: dict) -> None:
    """Times, rates, the wall, estimates and advice."""
    console.print()
    _print_data(console, measured['timings'], measured['data'])
    _print_step(console, measured['timings'], measured['step'])
    _print_rates(console, measured['rates'])
    estimate, step = measured['estimate'], measured['step']
    say = lambda text: console.print(text, highlight=False)  # noqa: E731
    say(f'[bold]the wall:[/] {escape(measured["wall"]["text"])}')
    rate = estimate['samples_per_epoch'] / estimate['epoch_seconds']
    say(
        f'[bold]time:[/] {rate:.4g} samples/s: {as_duration(estimate["epoch_seconds"])} an epoch of '
        f'{estimate["samples_per_epoch"]} samples, {as_duration(estimate["schedule_seconds"])} for all '
        f'{estimate["epochs"]:.4g} (validation and checkpoints not counted)'
    )
    part = (
        ''
        if step['batch'] == step['full_batch']
        else f', with batches of {step["batch"]} instead of {step["full_batch"]}'
    )
    say(f'[bold]peak memory:[/] {as_gib(step["peak_memory"])} of {as_gib(step["memory"])}{part}')
    say(
        '[bold]what to change:[/]'
        if measured['advice']
        else '[bold]what to change:[/] nothing that these figures speak for'
    )
    for number, entry in enumerate(measured['advice'], 1):
        gain = '' if entry['gain'] is None else f' -> {entry["gain"]:.2g} times the samples/s'
        say(f'  {number}. {escape(entry["text"])}{gain}')


def _print_data(console: Console, timings: dict, data: dict) -> None:
    table = _table('data, ms per sample, one thread', 'part', 'kind', 'ms', '%')
    rows = [(part, GROUPS.get(timings['groups'].get(part, ''), ''), time) for part, time in timings['data'].items()]
    rows.append(('collating a batch', GROUPS['collate'], timings['collate']))
    if not data['stays_in_memory']:
        rows.append(('reading what is not cached', GROUPS['disk'], timings['reading']))
    for part, kind, time in rows:
        table.add_row(escape(part), kind, f'{time:.2f}', f'{100 * time / data["data_ms"]:.0f}')
    table.add_section()
    table.add_row('a sample', '', f'{data["data_ms"]:.2f}', '100')
    console.print(table)
    seen = [
        f'{data["videos_measured"]} of {data["videos_in_list"]} videos, {data["rounds"]} rounds; '
        f'{data["clips"]} clip{"s" * (data["clips"] > 1)} of {"x".join(map(str, data["clip"]))}'
    ]
    if 'frames' in data:
        seen.append(f'{data["frames"]:.3g} frames decoded')
    if 'file_size' in data:
        seen.append(f'videos of {data["file_size"][1]}x{data["file_size"][0]}')
    if 'key_frames' in data:
        seen.append(f'a key frame every {data["key_frames"]:.3g}')
    console.print('; '.join(seen), highlight=False)
    reading = data['reading']
    if reading is not None:
        asked = (
            'the system was asked to drop them from its cache'
            if reading['dropped']
            else 'this system cannot be asked to drop them from its cache, so this may be the cache'
        )
        speed = reading['bytes'] / 2**20 / (reading['cold_ms'] / 1e3)
        fits = (
            'all videos fit in memory, so only the first epoch pays for this'
            if data['stays_in_memory']
            else 'the videos do not all fit in memory, so every epoch pays for this'
        )
        console.print(
            f'files of {reading["bytes"] / 2**20:.2f} MiB: {reading["cold_ms"]:.2g} ms from the disk ({speed:.0f} '
            f'MiB/s; {asked}), {reading["cached_ms"]:.2g} ms again; {fits}',
            highlight=False,
        )
    for line in data['unreadable'][:MOST_NAMED]:
        console.print(f'[yellow]cannot be read:[/] {escape(line)}', highlight=False)
    if len(data['unreadable']) > MOST_NAMED:
        console.print(f'... and {len(data["unreadable"]) - MOST_NAMED} more of those tried')


def _print_step(console: Console, timings: dict, step: dict) -> None:
    table = _table('training step, ms per sample, all threads', 'part', 'ms', '%')
    for part, time in timings['step'].items():
        name = 'transfer and normalisation' if part == 'transfer' else part
        table.add_row(name, f'{time:.2f}', f'{100 * time / step["step_ms"]:.0f}')
    table.add_section()
    table.add_row('a sample', f'{step["step_ms"]:.2f}', '100')
    console.print(table)
    scaled = (
        ''
        if step['batch'] == step['full_batch']
        else (
            f', instead of the {step["full_batch"]} of training, which take too long to try: the optimiser, the teacher and the '
            'hooks are counted as once for those'
        )
    )
    console.print(
        f'{step["iterations"]} iterations of {step["batch"]} samples, {step["precision"] or "fp32"}{scaled}',
        highlight=False,
    )


def _print_rates(console: Console, rates: dict) -> None:
    table = _table('samples/s', '', '', '')
    for workers, rate in rates['data'].items():
        own = workers == rates['workers']
        how = 'measured' if workers == 0 or own and rates['loader_measured'] is not None else 'computed'
        name = 'data, main process' if workers == 0 else f'data, {workers} worker{"s" * (workers > 1)}'
        table.add_row(name + (' (as training does here)' if own else ''), f'{rate:.4g}', how)
    table.add_section()
    table.add_row('training step', f'{rates["step"]:.4g}', 'measured')
    table.add_row('both, by these figures', f'{rates["training_computed"]:.4g}', 'computed')
    if rates['training_measured'] is not None:
        table.add_row('both, with the real loader', f'{rates["training_measured"]:.4g}', 'measured')
    console.print(table)
    if rates['workers'] != rates['workers_wanted']:
        console.print(
            f'the config asks for {rates["workers_wanted"]} workers; {rates["workers"]} share this machine with '
            'the training step'
        )
