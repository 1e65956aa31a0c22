// Opened from a disk, a page may not fetch other pages, so that the search shows titles without excerpts.
if (location.protocol === 'file:') DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
