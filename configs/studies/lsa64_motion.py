# LSA64's sign words seen as motion. Otherwise the study lsa64.py.
_base_ = ['./lsa64.py', '../_base_/studies/motion.py']
views = _base_._motion.views
rows = _base_._motion.rows
options = _base_._motion.options
