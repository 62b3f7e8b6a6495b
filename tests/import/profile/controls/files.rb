paths = %w[
  /etc/motd /etc/issue /etc/linked /etc/dangling /etc/nothing /bin/ls
]
ways = [true, false]

paths.each do |path|
  ways.each do |way|
    20.times do |number|
      control "it-#{number}-#{way}-#{path}" do
        asked = [
          exist, be_file, be_directory, be_symlink, be_pipe, be_owned_by('root'), be_grouped_into('root'),
          be_mode(0o644), be_readable, be_writable.by('group'), be_executable, be_executable.by('other'),
          be_readable.by('owner'), be_more_permissive_than('0644'), be_more_permissive_than('0777'), be_setuid,
          be_sticky, be_readable.by('others'), be_writable.by('user'), be_mode(0o4755)
        ][number]
        describe file(path) do
          it { way ? should(asked) : should_not(asked) }
        end
      end
      control "directory-#{number}-#{way}-#{path}" do
        asked = [exist, be_directory, be_readable, be_executable.by('other'), be_file][number % 5]
        describe directory(path) do
          it { way ? is_expected.to(asked) : is_expected.not_to(asked) }
        end
      end
    end
    [
      ['mode', ['0644', 0o644, '4755']],
      ['owner', ['root', 'ROOT', '']],
      ['group', ['root']],
      ['size', [7, '7', '07']],
      ['content', ['Welcome', "Welcome\n", 'welcome', '1.0']],
      ['type', [:file, 'directory']]
    ].each do |name, values|
      values.each_with_index do |value, at|
        5.times do |number|
          control "its-#{name}-#{at}-#{number}-#{way}-#{path}" do
            asked = [eq(value), cmp(value), be_in([value]), cmp.!=(value), be_nil][number]
            describe file(path) do
              its(name) { way ? should(asked) : should_not(asked) }
            end
          end
        end
      end
    end
    10.times do |number|
      control "order-#{number}-#{way}-#{path}" do
        asked = [cmp > 6, cmp >= '7', be < 8, be <= 6, be > 7, cmp < 7, be >= 7, be == 7, cmp <= 7, be != 7][number]
        describe file(path) do
          its('size') { way ? should(asked) : should_not(asked) }
        end
      end
    end
    13.times do |number|
      control "content-#{number}-#{way}-#{path}" do
        asked = [
          match(/node$/), match(/^it is/), match('Wel.ome'), match(/welcome/i), match(/Welcome.*n1/m), match(/^\s*$/),
          match(/\AWelcome\Z/), match(/Wel(?!come)/), match(/^Key\s*=\s*\w+/), include('node'), include('W', 'e'),
          include('Welcome', 'rsh'), be_empty
        ][number]
        describe file(path) do
          its('content') { way ? should(asked) : should_not(asked) }
        end
      end
    end
    control "owner-pattern-#{way}-#{path}" do
      describe file(path) do
        its('owner') { way ? should(match(/^r/)) : should_not(match(/^r/)) }
      end
    end
  end
  control "several-#{path}" do
    describe file(path) do
      it { should exist }
      it { should be_owned_by 'root' }
      it { should_not be_more_permissive_than('0644') }
      it { should_not be_executable }
      it { should be_readable.by('owner') }
      its('size') { should be > 0 }
    end
  end
  control "one-#{path}" do
    describe.one do
      describe file(path) do
        it { should_not exist }
      end
      describe file(path) do
        it { should be_file }
        its('content') { should match(/Welcome/) }
      end
      describe package('kept') do
        it { should_not be_installed }
      end
    end
  end
end
