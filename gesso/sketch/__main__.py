"""`python -m gesso.sketch`: ComfyUI's protocol and image nodes without a GPU."""

import gc
import sys

if __name__ == "__main__":
    # What is imported is many objects and hardly garbage, so collecting beside that is time lost.
    gc.disable()
    from gesso.sketch.command import main

    gc.freeze()
    gc.enable()
    sys.exit(main())
