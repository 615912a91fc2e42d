#!/bin/sh
# to /usr/local/bin/taxonomy-bot: a command of the bot as the service runs it, with its settings, secrets and user.
# sudo taxonomy-bot doctor
exec systemd-run --quiet --pipe --wait --collect --service-type=exec \
  --uid=taxonomy-bot --gid=taxonomy-bot \
  --property=SupplementaryGroups=taxonomy-artifacts \
  --property=WorkingDirectory=/var/lib/taxonomy-bot \
  --property=UMask=0007 \
  --property=EnvironmentFile=/etc/taxonomy-bot/bot.env \
  --property=LoadCredential=TAXONOMY_BOT_PRIVATE_KEY:/etc/taxonomy-bot/secrets/TAXONOMY_BOT_PRIVATE_KEY \
  --property=LoadCredential=TAXONOMY_BOT_WEBHOOK_SECRETS:/etc/taxonomy-bot/secrets/TAXONOMY_BOT_WEBHOOK_SECRETS \
  --setenv=TAXONOMY_BOT_ARTIFACTS_URL=/var/lib/taxonomy-artifacts/artifacts \
  --setenv=TAXONOMY_BOT_MODEL_STORE_URL=/var/lib/taxonomy-artifacts/models \
  --setenv=PYTHONDONTWRITEBYTECODE=1 \
  /opt/taxonomy-bot/bin/taxonomy-bot "$@"
