"""privacyIDEA's configuration file for the tests: everything in the folder that PRIVACYIDEA_FOLDER names."""

import os

FOLDER = os.environ["PRIVACYIDEA_FOLDER"]

SUPERUSER_REALM = ["super"]
SQLALCHEMY_DATABASE_URI = f"sqlite:///{FOLDER}/privacyidea.sqlite"
SECRET_KEY = "only for tests, and of 32 characters"
PI_PEPPER = "only for tests"
PI_ENCFILE = f"{FOLDER}/enckey"
PI_AUDIT_KEY_PRIVATE = f"{FOLDER}/private.pem"
PI_AUDIT_KEY_PUBLIC = f"{FOLDER}/public.pem"
PI_LOGFILE = f"{FOLDER}/privacyidea.log"
