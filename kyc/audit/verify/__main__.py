import sys

from kyc.audit.verify.cli import main

sys.exit(main())
