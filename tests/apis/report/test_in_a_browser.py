"""The page in headless Chromium."""

from headless import LOADED, in_a_tab, needs_browser

# True once all pictures are loaded and all charts have drawn something.
READY = f'{LOADED} && window.Bokeh !== undefined && Bokeh.documents.every(shown => shown.is_idle)'
FOUND = """({
    broken: [...document.images].filter(picture => !picture.naturalWidth).length, pictures: document.images.length,
    charts: document.querySelectorAll('.bk-Figure').length, width: document.documentElement.scrollWidth,
})"""


@needs_browser
def test_the_page_is_shown_whole_without_a_network_and_without_errors(study_page, tmp_path):
    async def look(tab):
        views = []
        for width, scheme in ((1280, 'light'), (380, 'dark')):
            await tab.show(study_page.as_uri(), width, scheme, READY)
            views.append((await tab.picture(), await tab.ask(FOUND)))
        return views, tab

    views, tab = in_a_tab(look, tmp_path)
    for picture, found in views:
        assert found['broken'] == 0 and found['pictures'] == 1 and found['charts'] == 9
        assert picture.std() > 10, 'something is on the picture'
    (light, wide), (dark, narrow) = views
    assert light.mean() > 200 and dark.mean() < 80
    assert wide['width'] <= 1280 and narrow['width'] <= 380, 'nothing sticks out'
    assert not tab.faults()
    assert tab.requests() == {study_page.as_uri()}
