"""Accounts, the App, repositories and labels as GitHub's JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import quote

from bot.simulator.accounts import Account, App, Installation, node_id
from bot.simulator.conversation import Label
from bot.simulator.repositories import Repository
from bot.simulator.state import GitHubState

Json = dict[str, Any]

_USER_LINKS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}
_REPOSITORY_LINKS = {
    "forks_url": "/forks",
    "keys_url": "/keys{/key_id}",
    "collaborators_url": "/collaborators{/collaborator}",
    "teams_url": "/teams",
    "hooks_url": "/hooks",
    "issue_events_url": "/issues/events{/number}",
    "events_url": "/events",
    "assignees_url": "/assignees{/user}",
    "branches_url": "/branches{/branch}",
    "tags_url": "/tags",
    "blobs_url": "/git/blobs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "trees_url": "/git/trees{/sha}",
    "statuses_url": "/statuses/{sha}",
    "languages_url": "/languages",
    "stargazers_url": "/stargazers",
    "contributors_url": "/contributors",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "commits_url": "/commits{/sha}",
    "git_commits_url": "/git/commits{/sha}",
    "comments_url": "/comments{/number}",
    "issue_comment_url": "/issues/comments{/number}",
    "contents_url": "/contents/{+path}",
    "compare_url": "/compare/{base}...{head}",
    "merges_url": "/merges",
    "archive_url": "/{archive_format}{/ref}",
    "downloads_url": "/downloads",
    "issues_url": "/issues{/number}",
    "pulls_url": "/pulls{/number}",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "labels_url": "/labels{/name}",
    "releases_url": "/releases{/id}",
    "deployments_url": "/deployments",
}


def moment(value: datetime) -> str:
    """Return a time, which is in UTC here, as GitHub writes it."""
    return f"{value.isoformat()[:19]}Z"


def optional_moment(value: datetime | None) -> str | None:
    """Return a time as GitHub writes it, None where there is none."""
    return moment(value) if value else None


def account_json(state: GitHubState, account: Account) -> Json:
    """Return an account as it stands inside other objects."""
    url = f"{state.api_url}/users/{quote(account.login)}"
    web = f"{state.web_url}/{account.login}"
    if account.type == "Bot":
        web = f"{state.web_url}/apps/{account.login.removesuffix('[bot]')}"
    return {
        "login": account.login,
        "id": account.id,
        "node_id": node_id("BOT" if account.type == "Bot" else account.type[0], account.id),
        "avatar_url": f"https://avatars.githubusercontent.com/u/{account.id}?v=4",
        "gravatar_id": "",
        "url": url,
        "html_url": web,
        **{key: url + path for key, path in _USER_LINKS.items()},
        "type": account.type,
        "site_admin": False,
    }


def full_account_json(state: GitHubState, account: Account) -> Json:
    """Return an account as `GET /users/{username}` tells it."""
    return account_json(state, account) | {
        "user_view_type": "public",
        "name": account.name,
        "company": None,
        "blog": "",
        "location": None,
        "email": None,
        "hireable": None,
        "bio": None,
        "twitter_username": None,
        "public_repos": 1,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": moment(state.app.created_at),
        "updated_at": moment(state.app.created_at),
    }


def organization_json(state: GitHubState, account: Account) -> Json:
    """Return an organisation as it stands in webhooks."""
    url = f"{state.api_url}/orgs/{account.login}"
    return {
        "login": account.login,
        "id": account.id,
        "node_id": node_id("O", account.id),
        "url": url,
        "repos_url": f"{url}/repos",
        "events_url": f"{url}/events",
        "hooks_url": f"{url}/hooks",
        "issues_url": f"{url}/issues",
        "members_url": f"{url}/members{{/member}}",
        "public_members_url": f"{url}/public_members{{/member}}",
        "avatar_url": f"https://avatars.githubusercontent.com/u/{account.id}?v=4",
        "description": "",
    }


def repository_json(state: GitHubState, repo: Repository) -> Json:
    """Return a repository as it stands inside other objects."""
    if not repo.url_payload:
        repo.url_payload.update(_repository_urls(state, repo))
    return {
        "id": repo.id,
        "node_id": node_id("R", repo.id),
        "name": repo.name,
        "full_name": repo.full_name,
        "private": repo.private,
        "owner": account_json(state, repo.owner),
        "description": None,
        "fork": repo.parent is not None,
        **repo.url_payload,
        "created_at": moment(repo.created_at),
        "updated_at": moment(repo.pushed_at),
        "pushed_at": moment(repo.pushed_at),
        "homepage": None,
        "size": 108,
        "stargazers_count": 0,
        "watchers_count": 0,
        "language": None,
        "has_issues": True,
        "has_projects": True,
        "has_downloads": True,
        "has_wiki": True,
        "has_pages": False,
        "has_discussions": False,
        "forks_count": 0,
        "mirror_url": None,
        "archived": False,
        "disabled": False,
        "open_issues_count": repo.open_count,
        "license": None,
        "allow_forking": True,
        "is_template": False,
        "web_commit_signoff_required": repo.web_commit_signoff_required,
        "topics": [],
        "visibility": "private" if repo.private else "public",
        "forks": 0,
        "open_issues": repo.open_count,
        "watchers": 0,
        "default_branch": repo.default_branch,
        "custom_properties": {},
    }


def full_repository_json(state: GitHubState, repo: Repository) -> Json:
    """Return a repository as `GET /repos/{owner}/{repo}` tells it."""
    full = repository_json(state, repo) | {
        "temp_clone_token": None,
        "network_count": 0,
        "subscribers_count": 0,
        "allow_merge_commit": "merge" in repo.merge_methods,
        "allow_squash_merge": "squash" in repo.merge_methods,
        "allow_rebase_merge": "rebase" in repo.merge_methods,
        "permissions": {"admin": False, "maintain": False, "push": False, "triage": False, "pull": False},
    }
    if repo.owner.type == "Organization":
        full["organization"] = account_json(state, repo.owner)
    if repo.parent is not None:
        full["parent"] = full["source"] = repository_json(state, repo.parent)
    return full


def pushed_repository_json(state: GitHubState, repo: Repository) -> Json:
    """Return a repository as push webhooks, older than all others, tell it: times in seconds, names twice."""
    pushed = repository_json(state, repo) | {
        "created_at": int(repo.created_at.timestamp()),
        "pushed_at": int(repo.pushed_at.timestamp()),
        "master_branch": repo.default_branch,
        "stargazers": 0,
    }
    pushed["owner"] |= {"name": repo.owner.login, "email": repo.owner.email}
    if repo.owner.type == "Organization":
        pushed["organization"] = repo.owner.login
    return pushed


def repository_reference(state: GitHubState, repo: Repository) -> Json:
    """Return the three keys of a repository that check runs carry."""
    return {"id": repo.id, "url": f"{state.api_url}/repos/{repo.full_name}", "name": repo.name}


def app_json(state: GitHubState, app: App | None = None) -> Json:
    """Return an App, the one under test unless told which."""
    app = app or state.app
    return {
        "id": app.id,
        "slug": app.slug,
        "node_id": node_id("A", app.id),
        "owner": account_json(state, app.owner),
        "name": app.slug,
        "description": "",
        "external_url": "https://example.org/taxonomy-bot",
        "html_url": f"{state.web_url}/apps/{app.slug}",
        "created_at": moment(app.created_at),
        "updated_at": moment(app.created_at),
        "permissions": app.permissions,
        "events": list(app.events),
    }


def installation_json(state: GitHubState, installation: Installation) -> Json:
    """Return one installation of the App."""
    account = installation.account
    return {
        "id": installation.id,
        "account": account_json(state, account),
        "repository_selection": "selected",
        "access_tokens_url": f"{state.api_url}/app/installations/{installation.id}/access_tokens",
        "repositories_url": f"{state.api_url}/installation/repositories",
        "html_url": f"{state.web_url}/organizations/{account.login}/settings/installations/{installation.id}",
        "app_id": state.app.id,
        "app_slug": state.app.slug,
        "target_id": account.id,
        "target_type": account.type,
        "permissions": state.app.permissions,
        "events": list(state.app.events),
        "created_at": moment(installation.created_at),
        "updated_at": moment(installation.created_at),
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": None,
        "suspended_at": moment(installation.suspended_at) if installation.suspended_at else None,
    }


def installation_reference(installation: Installation) -> Json:
    """Return the two keys of an installation that webhooks carry."""
    return {"id": installation.id, "node_id": node_id("MDIzOkludGVncmF0aW9uSW5zdGFsbGF0aW9u", installation.id)}


def label_json(state: GitHubState, repo: Repository, label: Label) -> Json:
    """Return a label."""
    return {
        "id": label.id,
        "node_id": node_id("LA", label.id),
        "url": f"{state.api_url}/repos/{repo.full_name}/labels/{quote(label.name, safe='')}",
        "name": label.name,
        "color": label.color,
        "default": False,
        "description": label.description,
    }


def _repository_urls(state: GitHubState, repo: Repository) -> dict[str, str]:
    url, web = f"{state.api_url}/repos/{repo.full_name}", f"{state.web_url}/{repo.full_name}"
    return {
        "html_url": web,
        "url": url,
        **{key: url + path for key, path in _REPOSITORY_LINKS.items()},
        "git_url": f"git://github.com/{repo.full_name}.git",
        "ssh_url": f"git@github.com:{repo.full_name}.git",
        "clone_url": f"{web}.git",
        "svn_url": web,
    }
