"""Headless Chromium for tests of pages, by its debugging protocol, without a network."""

import asyncio
import base64
import io
import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

tornado = pytest.importorskip('tornado.websocket', reason='talking to the browser needs tornado, which bokeh installs')

BROWSER = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome', 'chrome'))), None)
SECONDS = 60
# True once a page and all its pictures are loaded.
LOADED = "document.readyState === 'complete' && [...document.images].every(picture => picture.complete)"

needs_browser = pytest.mark.skipif(BROWSER is None, reason='there is no Chromium or Chrome on this machine')


class Tab:
    """A tab of the browser, without a network; keeps the messages that it sends."""

    def __init__(self, connection: Any) -> None:
        self.connection, self.messages, self.number = connection, [], 0

    async def call(self, method: str, **settings: Any) -> dict:
        self.number += 1
        await self.connection.write_message(json.dumps(dict(id=self.number, method=method, params=settings)))
        while True:
            message = json.loads(await self.connection.read_message())
            if message.get('id') == self.number:
                assert 'error' not in message, (method, message)
                return message['result']
            self.messages.append(message)

    async def ask(self, expression: str) -> Any:
        """The value of an expression in JavaScript."""
        answer = await self.call('Runtime.evaluate', expression=expression, returnByValue=True)
        return answer['result'].get('value')

    async def wait_for(self, expression: str) -> None:
        """Wait until an expression is true."""
        while not await self.ask(expression):
            await asyncio.sleep(0.05)

    async def show(self, url: str, width: int, scheme: str, ready: str = LOADED) -> None:
        """Open a page in a window of a width, in light or dark, and wait until it is ready."""
        await self.call(
            'Emulation.setDeviceMetricsOverride', width=width, height=800, deviceScaleFactor=1, mobile=False
        )
        await self.call('Emulation.setEmulatedMedia', features=[dict(name='prefers-color-scheme', value=scheme)])
        await self.call('Page.navigate', url=url)
        await asyncio.sleep(0.1)
        await self.wait_for(ready)

    async def picture(self) -> np.ndarray:
        """The grey levels of what is seen, [height, width]."""
        shot = await self.call('Page.captureScreenshot', format='png')
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(shot['data']))).convert('L'), dtype=float)

    def faults(self) -> list[dict]:
        """Errors and warnings of the pages."""
        return [
            message
            for message in self.messages
            if message['method'] in ('Runtime.exceptionThrown', 'Log.entryAdded')
            or message['method'] == 'Runtime.consoleAPICalled'
            and message['params']['type'] in ('error', 'warning', 'assert')
        ]

    def requests(self) -> set[str]:
        """What the pages have requested."""
        urls = (
            message['params']['request']['url']
            for message in self.messages
            if message['method'] == 'Network.requestWillBeSent'
        )
        return {url for url in urls if not url.startswith(('data:', 'about:'))}


async def _open_tab(port: int) -> Tab:
    (target,) = [
        entry for entry in json.load(urllib.request.urlopen(f'http://127.0.0.1:{port}/json')) if entry['type'] == 'page'
    ]
    tab = Tab(await tornado.websocket_connect(target['webSocketDebuggerUrl'], max_message_size=2**28))
    for domain in ('Page', 'Runtime', 'Log', 'Network'):
        await tab.call(f'{domain}.enable')
    await tab.call(
        'Network.emulateNetworkConditions', offline=True, latency=0, downloadThroughput=0, uploadThroughput=0
    )
    return tab


def in_a_tab(look: Callable[[Tab], Awaitable[Any]], profile: Path) -> Any:
    """What ``look`` returns for a tab of a new browser, whose files are in the folder ``profile``."""

    async def run(port: int) -> Any:
        return await look(await _open_tab(port))

    command = [BROWSER, '--headless', '--no-sandbox', '--disable-gpu', '--remote-debugging-port=0', 'about:blank']
    process = subprocess.Popen(
        [*command, f'--user-data-dir={profile}'], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    try:
        port = next(int(found[1]) for line in process.stderr if (found := re.search(r'ws://127\.0\.0\.1:(\d+)/', line)))
        return asyncio.run(asyncio.wait_for(run(port), SECONDS))
    finally:
        process.terminate()
        process.wait(10)
        process.stderr.close()
