"""calibkit: classifier calibration, exact and honest about its noise.

The public names are listed in ``__init__.pyi``. Each name is imported when it is first used, so
``import calibkit`` is fast.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
