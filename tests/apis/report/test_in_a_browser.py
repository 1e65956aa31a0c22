"""The page in headless Chromium, by its debugging protocol, without a network."""

import asyncio
import base64
import io
import json
import re
import shutil
import subprocess
import urllib.request

import numpy as np
import pytest
from PIL import Image

tornado = pytest.importorskip('tornado.websocket', reason='talking to the browser needs tornado, which bokeh installs')

BROWSER = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome', 'chrome'))), None)
SECONDS = 60
# True once all pictures are loaded and all charts have drawn something.
READY = """
document.readyState === 'complete' && [...document.images].every(picture => picture.complete)
&& window.Bokeh !== undefined && Bokeh.documents.every(shown => shown.is_idle)
"""
FOUND = """({
    broken: [...document.images].filter(picture => !picture.naturalWidth).length, pictures: document.images.length,
    charts: document.querySelectorAll('.bk-Figure').length, width: document.documentElement.scrollWidth,
})"""

pytestmark = pytest.mark.skipif(BROWSER is None, reason='there is no Chromium or Chrome on this machine')


class Tab:
    """A tab of the browser; keeps the messages that it sends."""

    def __init__(self, connection):
        self.connection, self.messages, self.number = connection, [], 0

    async def call(self, method, **settings):
        self.number += 1
        await self.connection.write_message(json.dumps(dict(id=self.number, method=method, params=settings)))
        while True:
            message = json.loads(await self.connection.read_message())
            if message.get('id') == self.number:
                assert 'error' not in message, (method, message)
                return message['result']
            self.messages.append(message)

    async def ask(self, expression):
        answer = await self.call('Runtime.evaluate', expression=expression, returnByValue=True)
        return answer['result'].get('value')


async def look_at(port, page):
    """Pictures of the page wide and in light, narrow and in dark; what is on it; and the messages of the browser."""
    (target,) = [
        entry for entry in json.load(urllib.request.urlopen(f'http://127.0.0.1:{port}/json')) if entry['type'] == 'page'
    ]
    tab = Tab(await tornado.websocket_connect(target['webSocketDebuggerUrl'], max_message_size=2**28))
    for domain in ('Page', 'Runtime', 'Log', 'Network'):
        await tab.call(f'{domain}.enable')
    await tab.call(
        'Network.emulateNetworkConditions', offline=True, latency=0, downloadThroughput=0, uploadThroughput=0
    )
    views = []
    for width, scheme in ((1280, 'light'), (380, 'dark')):
        await tab.call('Emulation.setDeviceMetricsOverride', width=width, height=800, deviceScaleFactor=1, mobile=False)
        await tab.call('Emulation.setEmulatedMedia', features=[dict(name='prefers-color-scheme', value=scheme)])
        await tab.call('Page.navigate', url=page.as_uri())
        await asyncio.sleep(0.2)
        while not await tab.ask(READY):
            await asyncio.sleep(0.2)
        shot = await tab.call('Page.captureScreenshot', format='png')
        picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(shot['data']))).convert('L'), dtype=float)
        views.append((picture, await tab.ask(FOUND)))
    return views, tab.messages


def test_the_page_is_shown_whole_without_a_network_and_without_errors(study_page, tmp_path):
    command = [BROWSER, '--headless', '--no-sandbox', '--disable-gpu', '--remote-debugging-port=0', 'about:blank']
    process = subprocess.Popen(
        [*command, f'--user-data-dir={tmp_path}'], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    try:
        port = next(found[1] for line in process.stderr if (found := re.search(r'ws://127\.0\.0\.1:(\d+)/', line)))
        views, messages = asyncio.run(asyncio.wait_for(look_at(port, study_page), SECONDS))
    finally:
        process.terminate()
        process.wait(10)
        process.stderr.close()
    for picture, found in views:
        assert found['broken'] == 0 and found['pictures'] == 1 and found['charts'] == 9
        assert picture.std() > 10, 'something is on the picture'
    (light, wide), (dark, narrow) = views
    assert light.mean() > 200 and dark.mean() < 80
    assert wide['width'] <= 1280 and narrow['width'] <= 380, 'nothing sticks out'
    faults = [
        message
        for message in messages
        if message['method'] in ('Runtime.exceptionThrown', 'Log.entryAdded')
        or message['method'] == 'Runtime.consoleAPICalled'
        and message['params']['type'] in ('error', 'warning', 'assert')
    ]
    assert not faults
    requests = [
        message['params']['request']['url'] for message in messages if message['method'] == 'Network.requestWillBeSent'
    ]
    assert {url for url in requests if not url.startswith('data:')} == {study_page.as_uri()}
